"""How well anomalies are found in tables as they are: text, enums, dates, booleans, NULLs.

    tests/bench/run.sh mixed [--seeds 5] [--tables mushroom,ai4i2020] [--options "noise => 0.1"]

Every table of tests/data comes with its natural types (load.sql) and is trained straight from the
table: ae.train(t) with no option but exclude => '{id,label}' and the seed.  A random half of the
normal rows trains, the other half and all anomalies are scored.  AUROC and average precision, x 100,
mean ± sd over seeds, beside two trivial scores:

    rarity      mean over columns of the squared z-score, or of -log level frequency; a level that
                training has not seen counts as one in n + 1
    distance    squared z-distance to the mean over numbers and one-hot levels; a level that training
                has not seen adds nothing

Time series become rows by window functions first: SERIES below is the recipe that the README
teaches.  Writes results/mixed.md, unless --tables chose; exit status 1 if a mean misses its TARGET.
"""

import sys

import numpy as np

import bench

# Windows by time and not by number of rows, so that gaps in a series do not shift them; where there
# is nothing to look back to the value is NULL, which is missing and costs nothing.
SERIES = """
CREATE VIEW {table}_rows AS
SELECT id, extract(hour FROM ts)::integer AS hour, to_char(ts, 'Dy') AS weekday, value,
    value - lag(value) OVER (ORDER BY ts, id) AS step,
    value - avg(value) OVER (ORDER BY ts RANGE BETWEEN '3 hours' PRECEDING AND CURRENT ROW) AS from_mean,
    value - first_value(value) OVER (ORDER BY ts RANGE BETWEEN '1 day' PRECEDING AND '1 day' PRECEDING) AS from_yesterday,
    value - first_value(value) OVER (ORDER BY ts RANGE BETWEEN '7 days' PRECEDING AND '7 days' PRECEDING) AS from_last_week,
    label
FROM {table}"""

METHODS = ("rarity", "distance", "ae")

# (AUROC, average precision) that the mean over seeds is to reach
TARGETS = {"mushroom": (98, 0), "ai4i2020": (80, 40), "credit_approval": (70, 0),
           "german_credit": (61, 0)}
GROUPS = {"cat": "mixed", "mx": "mixed", "ts_nab": "time series", "ad": "numbers", "odds": "numbers"}


def tables():
    """(group, name) of every table of tests/data."""
    for prefix, group in GROUPS.items():
        for path in sorted(bench.DATA.glob(f"{prefix}_*.csv.gz")):
            yield group, path.name[len(prefix) + 1:-len(".csv.gz")]


class Table:
    """A table in the server, what to train on, and the same columns here for the trivial score."""

    def __init__(self, group, name):
        self.name, self.relation = name, name
        bench.load_table(name)
        if group == "time series":
            self.relation = f"{name}_rows"
            bench.psql(SERIES.format(table=name))
        self.columns = bench.columns_of(self.relation)
        self.ids = self.columns.pop("id").astype(int)
        self.label = self.columns.pop("label").astype(int)
        self.one_hot = bench.one_hot(self.columns)
        cells = np.column_stack([bench.missing(c) for c in self.columns.values()])
        numbers = sum(map(bench.is_number, self.columns.values()))
        self.about = [int((self.label == 0).sum()) // 2, numbers, len(self.columns) - numbers,
                      f"{100 * cells.mean():.1f}", int(self.label.sum())]

    def measure(self, seed, options):
        """{method: (AUROC, average precision)}, and the seconds of training."""
        train = bench.split(self.label, seed)
        label = self.label[~train]
        bench.mark(self.ids, train)
        spent = bench.train(self.relation, f"seed => {seed}", options)
        scores = {"rarity": bench.mean_rarity(self.columns, train)[~train],
                  "distance": (bench.standardise(self.one_hot, train) ** 2).sum(axis=1)[~train],
                  "ae": bench.scores(self.relation, "raw_score")[0]}
        return {**{name: (100 * bench.auroc(label, score), 100 * bench.average_precision(label, score))
                   for name, score in scores.items()}, "seconds": spent}


def line(table, runs):
    """One row of the report; which of its means miss a target."""
    cells, missed = [], []
    for metric, target in enumerate(TARGETS.get(table.name, (0, 0))):
        values = [[run[method][metric] for run in runs] for method in METHODS]
        best = max(map(np.mean, values))
        cells += [f"**{bench.mean_sd(v)}**" if np.mean(v) == best else bench.mean_sd(v) for v in values]
        if np.mean(values[-1]) < target:
            missed.append(f"{table.name}: {np.mean(values[-1]):.1f} where {target} is asked for")
    return [table.name, *table.about, *cells, f"{max(run['seconds'] for run in runs):.1f}"], missed


def report(results, seeds, keep):
    text, missed = "", []
    for group in dict.fromkeys(GROUPS.values()):
        lines = [line(table, runs) for of, table, runs in results if of == group]
        if lines:
            missed += sum((m for _, m in lines), [])
            text += f"\n## {group.capitalize()}\n\n" + bench.markdown(
                ["table", "training rows", "numbers", "categories", "% NULL", "anomalies",
                 *(f"{metric} {method}" for metric in ("AUROC", "AP") for method in METHODS), "s"], [row for row, _ in lines])
    head = "\n".join(f"- {item}" for item in bench.machine() + [
        f"{seeds} seeds: mean ± standard deviation, × 100; s: the longest training"])
    bench.publish("mixed" if keep else None, f"# Tables as they are\n\n{head}\n\n" + """\
A random half of the normal rows trains, straight from the table, with default options; the other
half and all anomalies are scored. Two trivial scores beside: *rarity*, the mean over columns of the
squared z-score or of -log level frequency, and *distance*, the squared z-distance to the mean over
numbers and one-hot levels. The best one is bold. *categories* counts booleans too; time series are
turned into rows by window functions.
""" + text + "".join(f"\nMissed: {item}.\n" for item in missed))
    return not missed


def main():
    arguments = bench.arguments_of(__doc__, seeds=5, tables="")
    results = []

    for group, name in tables():
        if arguments.tables and name not in arguments.tables.split(","):
            continue
        table = Table(group, name)
        runs = []
        for seed in range(1, arguments.seeds + 1):
            runs.append(table.measure(seed, arguments.options))
            print(f"# {name} {seed}: " + ", ".join(f"{m} {runs[-1][m][0]:.1f}" for m in METHODS),
                  file=sys.stderr, flush=True)
        results.append((group, table, runs))
    sys.exit(0 if report(results, arguments.seeds,
                       not arguments.tables and not arguments.options) else 1)


if __name__ == "__main__":
    main()
