"""Whether ae.is_anomaly flags as many rows as it says, on normal rows that training did not see.

    tests/bench/run.sh calibration [--seeds 20] [--contamination 0.1,0.01,0.001]
                                   [--tables shuttle,adult_train] [--options "noise => 0.1"]

Every seed splits the normal rows at random: one half trains, with default options, the other half
is judged.  With honest p-values the share that is flagged is the contamination, up to chance: n_cal
rows calibrate and n_test rows are judged, so the bound of 99 % for one seed is
2.58 sqrt(a (1 - a) (1 / n_cal + 1 / n_test)).  Whatever exceeds ae.threshold must be flagged.  Also counts ties that ae.anomaly_score makes among the most anomalous rows: up to the
largest calibration score it is 1 - p and has ties, beyond it there must be none.
Writes results/calibration.md; exit status 1 if a mean is out of its bound.
"""

import sys

import numpy as np

import bench

TOP = 100


def measure(table, contaminations):
    """Of the model in bench_model: n_cal, n_test, {contamination: share of held-out normal rows
    that are flagged}, ties at the top."""
    n_cal, unseen, largest = bench.rows_of("""
        SELECT c->>'rows', (c->>'unseen')::boolean::integer, c->>'max'
        FROM (SELECT ae.describe(model)->'calibration' AS c FROM bench_model) d""")[0]
    if not unseen:
        sys.exit("the model was calibrated on rows that training saw")
    n_test, *flagged = bench.rows_of(f"""
        SELECT count(*), {", ".join(
            f"count(*) FILTER (WHERE ae.is_anomaly(m.model, t, {a}))" for a in contaminations)}
        FROM {table} t JOIN bench_part USING (id), bench_model m WHERE NOT train AND label = 0""")[0]
    disagree = bench.rows_of(f"""
        SELECT {", ".join(f'''count(*) FILTER (WHERE NOT ae.is_anomaly(m.model, t, {a})
            AND ae.raw_score(m.model, t) > ae.threshold(m.model, {a}))''' for a in contaminations)}
        FROM {table} t, bench_model m""")[0]
    if disagree.any():
        sys.exit(f"is_anomaly and threshold disagree about {disagree} rows of {table}")
    raw, score = bench.rows_of(f"""
        SELECT ae.raw_score(m.model, t), ae.anomaly_score(m.model, t)
        FROM {table} t, bench_model m WHERE label = 1 ORDER BY 1 DESC LIMIT {TOP}""").T
    beyond = raw > largest
    return {"n_cal": n_cal, "n_test": n_test, "top": len(raw), "beyond": beyond.sum(),
            "share": dict(zip(contaminations, np.array(flagged) / n_test)),
            "ties beyond": ties(raw[beyond], score[beyond]),
            "ties within": ties(raw[~beyond], score[~beyond])}


def ties(raw, score):
    """How many distinct raw scores lost their distinction."""
    return len(np.unique(raw)) - len(np.unique(score))


def line(table, runs, contamination):
    """One row of the report, and whether the mean is within the bound."""
    share = np.array([run["share"][contamination] for run in runs])
    n_cal, n_test = runs[0]["n_cal"], runs[0]["n_test"]
    bound = 2.58 * np.sqrt(contamination * (1 - contamination) * (1 / n_cal + 1 / n_test))
    inside = abs(share - contamination) <= bound
    good = abs(share.mean() - contamination) <= bound
    return [table, f"{n_cal:.0f}", f"{n_test:.0f}", contamination, bench.mean_sd(share, 5),
            f"{share.min():.5f}, {share.max():.5f}", f"{bound:.5f}", "yes" if good else "**no**",
            f"{inside.sum()} of {len(runs)}"], good


def ties_line(table, runs):
    return [table, runs[0]["top"], f"{min(run['beyond'] for run in runs)} to "
            f"{max(run['beyond'] for run in runs)}",
            sum(run["ties beyond"] for run in runs), sum(run["ties within"] for run in runs)]


def report(results, contaminations):
    lines, good = zip(*(line(table, runs, a) for table, runs in results.items()
                        for a in contaminations))
    head = "\n".join(f"- {line}" for line in bench.machine()
                     + [f"{len(next(iter(results.values())))} seeds, default options"])
    bench.publish("calibration", f"# Calibration\n\n{head}\n\n" + """\
Share of held-out normal rows that `ae.is_anomaly(model, row, contamination)` flags.

""" + bench.markdown(["table", "calibration rows", "held-out rows", "contamination",
                      "share flagged", "least and most", "bound ±", "mean within",
                      "seeds within"], list(lines))
                  + "\nTies of `ae.anomaly_score` among the most anomalous rows, over all seeds:\n\n"
                  + bench.markdown(["table", "rows", "beyond the largest calibration score",
                                    "ties among those", "ties among the others"],
                                   [ties_line(table, runs) for table, runs in results.items()]))
    return all(good)


def main():
    arguments = bench.arguments_of(__doc__, seeds=20, tables="shuttle,adult_train",
                                   contamination="0.1,0.01,0.001")
    contaminations = [float(a) for a in arguments.contamination.split(",")]
    results = {}

    for table in arguments.tables.split(","):
        bench.load_table(table)
        ids, label = bench.rows_of(f"SELECT id, label FROM {table} ORDER BY id").T.astype(int)
        results[table] = []
        for seed in range(1, arguments.seeds + 1):
            bench.mark(ids, bench.split(label, seed))
            bench.train(table, f"seed => {seed}", arguments.options)
            results[table].append(measure(table, contaminations))
            print(f"# {table} {seed}: {results[table][-1]['share']}", file=sys.stderr, flush=True)
    sys.exit(0 if report(results, contaminations) else 1)


if __name__ == "__main__":
    main()
