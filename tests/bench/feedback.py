"""What a few verdicts are worth, and what they cost in false alarms.

    tests/bench/run.sh feedback [FOLDER] [--seeds 3] [--labels 10] [--rows 3000] [--options "updates => 500"]

A random half of the normal rows trains.  Of the other rows a half is the pool: its rows that score
highest are judged, by their true label, and join the rows that train.  The rest is scored by the
model before and by the one that was trained again with ae.feedback: AUROC, average precision, and
the share of its normal rows that is flagged.  Numeric tables of tests/data, or of FOLDER (CSV files
whose last column is "label").  Writes results/feedback.md, unless FOLDER chose; exit status 1 if
more normal rows are flagged than promised, by two standard errors of the mean over trainings.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import bench

CONTAMINATIONS = (0.1, 0.05, 0.01)


def split(label, most, seed):
    """(train, pool, rest) of a table."""
    rng = np.random.default_rng(2000 + seed)
    train = bench.split(label, seed)
    chosen = np.flatnonzero(train)
    train[rng.permutation(chosen)[most:]] = False
    others = rng.permutation(np.flatnonzero(~bench.split(label, seed)))[:2 * most]
    pool, rest = np.zeros((2, len(label)), dtype=bool)
    pool[others[::2]] = rest[others[1::2]] = True
    return train, pool, rest


def score(rows):
    """raw scores and flags of the marked rows by bench_model."""
    bench.copy_in("bench_scored", "id integer PRIMARY KEY", ([i] for i in np.flatnonzero(rows)))
    flags = ", ".join(f"ae.is_anomaly(m.model, t, {a})::integer" for a in CONTAMINATIONS)
    return bench.rows_of(f"""SELECT ae.raw_score(m.model, t), {flags} FROM bench_rows t
        JOIN bench_scored USING (id), bench_model m ORDER BY id""").T


def judge(label, rest):
    raw, *flags = score(rest)
    normal = label[rest] == 0
    return [100 * bench.auroc(label[rest], raw), 100 * bench.average_precision(label[rest], raw),
            *(flag[normal].mean() for flag in flags)]


def measure(label, arguments, seed):
    """Figures without and with feedback, and how many verdicts were of anomalies."""
    train, pool, rest = split(label, arguments.rows, seed)
    ids = np.arange(len(label))
    options = [f"seed => {seed}", arguments.options]

    if label[rest].sum() == 0 or (label[rest] == 0).sum() == 0:
        return None
    bench.mark(ids, train)
    bench.train("bench_rows", *options)
    before = judge(label, rest)
    first = np.flatnonzero(pool)[np.argsort(-score(pool)[0], kind="stable")[:arguments.labels]]
    bench.copy_in("bench_verdicts", "id integer PRIMARY KEY, verdict boolean",
                  ((i, "t" if label[i] else "f") for i in first))
    train[first] = True
    bench.mark(ids, train)
    more = "".join(f", {option}" for option in options if option)
    bench.psql(f"""DROP TABLE IF EXISTS bench_model;
        CREATE TABLE bench_model AS
        SELECT ae.train(j, ae.options(exclude => '{{id,label}}'{more}) || ae.feedback('verdict')) AS model
        FROM (SELECT t.*, v.verdict FROM bench_rows t JOIN bench_part p USING (id)
            LEFT JOIN bench_verdicts v USING (id) WHERE p.train) j""")
    return before, judge(label, rest), label[first].sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=bench.DATA)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--rows", type=int, default=3000, help="at most, to train on and to score")
    parser.add_argument("--options", default="", help="of ae.options, for every model")
    arguments = parser.parse_args()
    lines, runs, tables = [], [], []

    for path in sorted(arguments.folder.glob("*.csv*")):
        read = bench.read_table(path)
        if read is None:
            continue
        names, x, label = read
        bench.load_columns("bench_rows", names + ["label"], np.column_stack([x, label]))
        of_table = [run for run in (measure(label, arguments, seed)
                                    for seed in range(1, arguments.seeds + 1)) if run]
        if not of_table:
            continue
        before, after = (np.mean([run[i] for run in of_table], axis=0) for i in (0, 1))
        name = path.name.split(".")[0].split("_", 1)[-1]
        runs += of_table
        tables.append(after - before)
        lines.append([name, f"{np.mean([run[2] for run in of_table]):.1f}"]
                     + [f"{b:.1f} → {a:.1f}" for b, a in zip(before[:2], after[:2])])
        print(f"# {lines[-1]}", file=sys.stderr, flush=True)
    gain = [f"{np.mean(d):+.1f} ± {np.std(d, ddof=1) / np.sqrt(len(d)):.1f}"
            for d in np.array(tables)[:, :2].T] if len(tables) > 1 else ["", ""]
    lines.append(["mean difference, standard error", ""] + gain)
    alarms, good = [], True
    for i, a in enumerate(CONTAMINATIONS):
        line = [a]
        for which in (0, 1):
            share = np.array([run[which][2 + i] for run in runs])
            error = share.std(ddof=1) / np.sqrt(len(share))
            good &= which == 0 or share.mean() <= a + 2 * error
            line.append(f"{share.mean():.4f} ± {error:.4f}")
        alarms.append(line)
    head = "\n".join(f"- {item}" for item in bench.machine()
                     + [f"{arguments.seeds} seeds, {arguments.labels} verdicts, {len(runs)} trainings each"])
    bench.publish("feedback" if arguments.folder == bench.DATA else None, f"# Feedback\n\n{head}\n\n" + """\
The rows of a pool that score highest are judged; other rows are scored by the model before, and by
the one trained again with `ae.feedback`.

""" + bench.markdown(["table", "anomalies among the verdicts", "AUROC", "average precision"], lines) + """
Share of normal rows that `ae.is_anomaly` flags, mean and standard error over trainings:

""" + bench.markdown(["contamination", "before", "with feedback"], alarms))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
