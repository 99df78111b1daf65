"""What crossing is for: anomalies hidden among the training rows, and the price on clean ones.

    tests/bench/run.sh crossed [FOLDER] [--seeds 5] [--tables wine,cardio] [--rows 10000] [--peers 1]

Clean: a random half of the normal rows trains, the other half and all anomalies are scored.
Contaminated: normal rows and, of anomalies, max(1, 1 % of these) train, and these same rows are scored,
which is what users do first.  Numeric tables of tests/data, or of FOLDER (CSV files whose last column
is "label"), and the mixed ones with their natural types; of larger tables a random part.

    one          one network: folds => 1
    error        two crossed networks, ranked by the reconstruction error
    default      two crossed networks and the distance to prototypes
    accurate     quality => 'accurate'
    trivial      squared z-distance to the mean (numbers and one-hot levels)

Writes results/crossed.md, unless --tables or FOLDER chose.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import bench
import mixed
import quality

SETTINGS = {"one": ("folds => 1", "raw_score"), "error": ("", "reconstruction_error"),
            "default": ("", "raw_score"), "accurate": ("quality => 'accurate'", "raw_score")}
WHOLE = {"breastw", "cardio", "ionosphere", "optdigits", "shuttle", "wilt", "wine"}


class Table:
    """A relation in the server with id and label, and the same as a matrix for the others."""

    def __init__(self, group, name, path=None):
        self.group, self.name = group, name
        if path is not None:
            names, x, label = bench.read_table(path)
            self.relation, self.x, self.label = "bench_rows", x, label
            bench.load_columns("bench_rows", names + ["label"], np.column_stack([x, label]))
            self.ids = np.arange(len(label))
            return
        table = mixed.Table(group, name)
        self.relation, self.x, self.label, self.ids = (table.relation, table.one_hot, table.label,
                                                       table.ids)


def few(rows, most, seed):
    """At most so many of these rows."""
    chosen = np.flatnonzero(rows)
    result = np.zeros(len(rows), dtype=bool)
    result[np.random.default_rng(1000 + seed).permutation(chosen)[:most]] = True
    return result


def contaminate(label, most, seed):
    """Which rows train and are scored: so many normal ones, and of anomalies one in a hundred of these."""
    train = few(label == 0, most, seed)
    anomalies = np.flatnonzero(label == 1)
    n = min(max(1, round(0.01 * train.sum())), len(anomalies))
    train[np.random.default_rng(seed).permutation(anomalies)[:n]] = True
    return train


def sample(label, most, seed, clean):
    """(rows that train, rows that are scored); of a clean split all anomalies are scored."""
    if not clean:
        train = contaminate(label, most, seed)
        return train, train
    train = bench.split(label, seed)
    return few(train, most, seed), few(~train & (label == 0), most, seed) | (label == 1)


def measure(table, seed, clean, rows, peers):
    """{method: AUROC x 100}, and the seconds of each training."""
    label = table.label
    train, scored = sample(label, rows, seed, clean)
    z = bench.standardise(table.x, train)
    result, spent = {}, {}

    bench.mark(table.ids, train)
    bench.copy_in("bench_scored", "id integer PRIMARY KEY, scored boolean", zip(table.ids, scored))
    trained = None
    for name, (options, function) in SETTINGS.items():
        if options != trained:
            spent[name] = bench.train(table.relation, f"seed => {seed}", options)
            trained = options
        score = bench.rows_of(f"""SELECT ae.{function}(m.model, t) FROM {table.relation} t
            JOIN bench_scored USING (id), bench_model m WHERE scored ORDER BY id""")[:, 0]
        result[name] = 100 * bench.auroc(label[scored], score)
    others = {"trivial": quality.trivial, **(quality.PEERS if peers else {})}
    for name, method in others.items():
        result[name] = 100 * bench.auroc(label[scored], method(z, train, seed)[scored])
    return result, spent


def tables(arguments):
    chosen = arguments.tables.split(",") if arguments.tables else None
    for path in sorted(arguments.folder.glob("*.csv*")):
        name = path.name.split(".")[0].split("_", 1)[-1]
        wanted = name in chosen if chosen else arguments.folder != bench.DATA or name in WHOLE
        if wanted and bench.read_table(path) is not None:
            yield Table("numbers", name, path)
    for group, name in mixed.tables() if arguments.folder == bench.DATA else []:
        if group == "mixed" and (not chosen or name in chosen):
            yield Table(group, name)


def section(title, results, clean):
    methods = list(next(iter(results.values()))[0])
    lines = [[name] + [bench.mean_sd([run[m] for run in runs]) for m in methods]
             for name, runs in results.items()]
    seeds = len(next(iter(results.values())))
    means = [[np.mean([runs[s][m] for runs in results.values()]) for s in range(seeds)] for m in methods]
    lines.append(["mean"] + [bench.mean_sd(m) for m in means])
    return f"\n## {title}, {'clean' if clean else 'contaminated'}\n\n" + bench.markdown(
        ["table"] + methods, lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=bench.DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", default="")
    parser.add_argument("--rows", type=int, default=10000, help="at most, to train on and to score")
    parser.add_argument("--peers", type=int, default=1, help="0: without methods of scikit-learn")
    arguments = parser.parse_args()
    results, longest = {}, {}

    for table in tables(arguments):
        for clean in (True, False):
            for seed in range(1, arguments.seeds + 1):
                run, spent = measure(table, seed, clean, arguments.rows, arguments.peers)
                results.setdefault((table.group, clean), {}).setdefault(table.name, []).append(run)
                for name, s in spent.items():
                    longest[name] = max(longest.get(name, 0), s)
                print(f"# {table.name} {'clean' if clean else 'contaminated'} {seed}: "
                      + ", ".join(f"{m} {v:.1f}" for m, v in run.items()), file=sys.stderr, flush=True)
    head = "\n".join(f"- {item}" for item in bench.machine() + [
        f"{arguments.seeds} seeds: mean ± standard deviation of AUROC × 100; at most {arguments.rows} rows",
        "longest training: " + ", ".join(f"{name} {s:.1f} s" for name, s in longest.items())])
    text = "".join(section("Numeric tables" if group == "numbers" else "Mixed tables", of, clean)
                   for (group, clean), of in results.items())
    keep = not arguments.tables and arguments.folder == bench.DATA
    bench.publish("crossed" if keep else None, f"# Crossed networks\n\n{head}\n\n" + """\
Clean: a random half of the normal rows trains, the other half and all anomalies are scored.
Contaminated: all normal rows and 1 % of anomalies train, and these rows are scored. *one*: one network;
*error*: two crossed networks ranked by the reconstruction error; *default*: by the error and the
distance to prototypes; *accurate*: twice as many networks; *trivial*: squared z-distance to the
mean. Others: scikit-learn with its defaults on standardised numbers and one-hot levels.
""" + text)


if __name__ == "__main__":
    main()
