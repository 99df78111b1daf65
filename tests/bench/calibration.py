"""Whether ae.is_anomaly flags as many rows as it says, on normal rows that training did not see.

    tests/bench/run.sh calibration [--seeds 20] [--contamination 0.01] [--table shuttle]

Every seed splits the normal rows at random: one half trains, with validation rows to calibrate on,
the other half is judged.  With honest p-values the share that is flagged is the contamination, up
to chance: n_cal rows calibrate and n_test rows are judged, so the bound of 99 % for one seed is
2.58 sqrt(a (1 - a) (1 / n_cal + 1 / n_test)).  Also counts ties that ae.anomaly_score makes among
the most anomalous rows: up to the largest calibration score it is 1 - p and has ties, beyond it
there must be none.  Writes results/calibration.md.
"""

import argparse
import sys

import numpy as np

import bench

TOP = 100


def measure(names, x, label, seed, contamination):
    """Share of held-out normal rows flagged; calibration rows; ties at the top."""
    train = bench.split(label, seed)

    bench.load_columns("bench_rows", names + ["label", "part"],
                       np.column_stack([x, label, (~train).astype(float)]))
    bench.psql(f"""
        DROP TABLE IF EXISTS bench_model;
        CREATE TABLE bench_model AS
        SELECT ae.train(t, ae.options(exclude => '{{label,id,part}}', validation => 0.1,
                                      patience => 0, seed => {seed})) AS model
        FROM bench_rows t WHERE part = 0""")
    n_cal, unseen, largest = bench.rows_of("""
        SELECT c->>'rows', (c->>'unseen')::boolean::integer, c->>'max'
        FROM (SELECT ae.describe(model)->'calibration' AS c FROM bench_model) d""")[0]
    n_test, flagged = bench.rows_of(f"""
        SELECT count(*), count(*) FILTER (WHERE ae.is_anomaly(m.model, t, {contamination}))
        FROM bench_rows t, bench_model m WHERE part = 1 AND label = 0""")[0]
    raw, score = bench.rows_of(f"""
        SELECT ae.raw_score(m.model, t), ae.anomaly_score(m.model, t)
        FROM bench_rows t, bench_model m WHERE label = 1 ORDER BY 1 DESC LIMIT {TOP}""").T
    if not unseen:
        sys.exit("the model was calibrated on rows that training saw")
    beyond = raw > largest
    return {"share": flagged / n_test, "n_cal": n_cal, "n_test": n_test, "top": len(raw),
            "beyond": beyond.sum(), "ties beyond": ties(raw[beyond], score[beyond]),
            "ties within": ties(raw[~beyond], score[~beyond])}


def ties(raw, score):
    """How many distinct raw scores lost their distinction."""
    return len(np.unique(raw)) - len(np.unique(score))


def report(table, runs, contamination):
    share = np.array([run["share"] for run in runs])
    n_cal, n_test = runs[0]["n_cal"], runs[0]["n_test"]
    bound = 2.58 * np.sqrt(contamination * (1 - contamination) * (1 / n_cal + 1 / n_test))
    beyond = [run["beyond"] for run in runs]
    ties_beyond, ties_within = (sum(run[key] for run in runs)
                                for key in ("ties beyond", "ties within"))
    inside = abs(share.mean() - contamination) <= bound
    rows = [["seeds", len(runs)],
            ["calibration rows", f"{n_cal:.0f}"],
            ["held-out normal rows", f"{n_test:.0f}"],
            ["contamination", contamination],
            ["share flagged, mean", f"{share.mean():.5f}"],
            ["share flagged, sd", f"{share.std(ddof=1):.5f}" if len(runs) > 1 else "–"],
            ["share flagged, least and most", f"{share.min():.5f}, {share.max():.5f}"],
            ["bound", f"{contamination} ± {bound:.5f}"],
            ["mean within the bound", "yes" if inside else "**no**"],
            ["seeds within the bound",
             f"{(abs(share - contamination) <= bound).sum()} of {len(runs)}"],
            [f"of the {runs[0]['top']} most anomalous, beyond the largest calibration score",
             f"{min(beyond)} to {max(beyond)}"],
            ["ties of anomaly_score among those", ties_beyond],
            ["ties among the others, where it is 1 - p", ties_within]]
    head = "\n".join(f"- {line}" for line in bench.machine())
    bench.publish("calibration", f"# Calibration: {table}\n\n{head}\n\n"
                  + bench.markdown(["", "value"], rows))
    return inside


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table", default="shuttle")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--contamination", type=float, default=0.01)
    arguments = parser.parse_args()
    names, x, label = bench.read_table(next(bench.DATA.glob(f"*_{arguments.table}.csv.gz")))
    runs = []

    for seed in range(1, arguments.seeds + 1):
        runs.append(measure(names, x, label, seed, arguments.contamination))
        print(f"# seed {seed}: {runs[-1]['share']:.5f}", file=sys.stderr, flush=True)
    sys.exit(0 if report(arguments.table, runs, arguments.contamination) else 1)


if __name__ == "__main__":
    main()
