"""How well anomalies are found: AUROC and average precision, x 100, mean ± sd over seeds.

    tests/bench/run.sh quality [FOLDER] [--seeds 5] [--tables wine,cardio] [--peers]

For every CSV file (.csv or .csv.gz, a header, numbers, last column "label", 1 = anomaly) and every
seed: a random half of the normal rows trains, the other half and all anomalies are scored; through
SQL, with one setting for all tables.

    detect     ae.train without options but exclude and seed
    squeezed   the same with code => d / 3
    trivial    squared z-distance to the mean of the training rows: what any method must beat

Writes results/quality.md, unless --tables chose; the label of a row is used for nothing but
splitting and counting.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import bench

PCA_VARIANCE = 0.9


def trivial(z, train, seed):
    return (z ** 2).sum(axis=1)


def isolation_forest(z, train, seed):
    from sklearn.ensemble import IsolationForest
    return -IsolationForest(random_state=seed).fit(z[train]).score_samples(z)


def local_outlier_factor(z, train, seed):
    """A row that trains is not a neighbour of itself."""
    from sklearn.neighbors import LocalOutlierFactor
    score = np.empty(len(z))
    score[train] = -LocalOutlierFactor().fit(z[train]).negative_outlier_factor_
    if not train.all():
        score[~train] = -LocalOutlierFactor(novelty=True).fit(z[train]).score_samples(z[~train])
    return score


def nearest_neighbours(z, train, seed):
    """Nor here: without an argument kneighbors leaves each row out of its own."""
    from sklearn.neighbors import NearestNeighbors
    model = NearestNeighbors(n_neighbors=5).fit(z[train])
    score = np.empty(len(z))
    score[train] = model.kneighbors()[0].mean(axis=1)
    if not train.all():
        score[~train] = model.kneighbors(z[~train])[0].mean(axis=1)
    return score


def mahalanobis(z, train, seed):
    from sklearn.covariance import EmpiricalCovariance
    return EmpiricalCovariance().fit(z[train]).mahalanobis(z)


def pca(z, train, seed):
    from sklearn.decomposition import PCA
    model = PCA(n_components=PCA_VARIANCE, svd_solver="full").fit(z[train])
    return ((model.inverse_transform(model.transform(z)) - z) ** 2).sum(axis=1)


PEERS = {"isolation forest": isolation_forest, "LOF": local_outlier_factor,
         "kNN (5)": nearest_neighbours, "Mahalanobis": mahalanobis,
         f"PCA ({PCA_VARIANCE:.0%})": pca}


def measure(x, label, seed, peers):
    """{method: (AUROC, average precision)} of one seed; the table is bench_rows."""
    train = bench.split(label, seed)
    test = ~train
    z = bench.standardise(x, train)
    scores, result = {}, {}

    bench.mark(range(len(label)), train)
    spent = bench.train("bench_rows", f"seed => {seed}")
    scores["detect"], scores["calibrated"] = bench.scores("bench_rows", "raw_score", "anomaly_score")
    bench.train("bench_rows", f"seed => {seed}, code => {max(1, round(x.shape[1] / 3))}")
    scores["squeezed"] = bench.scores("bench_rows", "raw_score")[0]
    for name, method in {"trivial": trivial, **(PEERS if peers else {})}.items():
        scores[name] = method(z, train, seed)[test]
    for name, score in scores.items():
        result[name] = (100 * bench.auroc(label[test], score),
                        100 * bench.average_precision(label[test], score))
    result["seconds"] = (spent, spent)
    return result


def tables_of(folder, chosen):
    for path in sorted(folder.glob("*.csv*")):
        name = path.name.split(".")[0].split("_", 1)[-1]
        if chosen and name not in chosen:
            continue
        table = bench.read_table(path)
        if table is None:
            print(f"# {path.name}: left out, not all numbers or no label of 0 and 1",
                  file=sys.stderr)
            continue
        yield (name,) + table


def report(results, sizes, methods, seeds, keep):
    lines = []
    for metric, title in enumerate(("AUROC", "Average precision")):
        rows = []
        for name, runs in results.items():
            rows.append([name, *sizes[name]] + [bench.mean_sd([run[m][metric] for run in runs])
                                                for m in methods])
        mean = [f"{np.mean([run[m][metric] for runs in results.values() for run in runs]):.1f}"
                for m in methods]
        rows.append(["mean", "", "", ""] + mean)
        head = ["table", "training rows", "columns", "anomalies"] + methods
        lines += [f"## {title} × 100", "", bench.markdown(head, rows)]
    longest = max(run["seconds"][0] for runs in results.values() for run in runs)
    head = "\n".join(f"- {line}" for line in bench.machine() + [
        f"{seeds} seeds: mean ± standard deviation; training takes at most {longest:.1f} s"])
    bench.publish("quality" if keep else None, f"# Quality\n\n{head}\n\n" + """\
A random half of the normal rows trains; the other half and all anomalies are scored. One setting
for all tables. *detect*: default options; *calibrated*: the same models, rows ranked by
`ae.anomaly_score`; *squeezed*: `code => d/3`; *trivial*: squared z-distance to the training mean.

""" + "\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=bench.DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", default="", help="names, with commas between")
    parser.add_argument("--peers", action="store_true", help="methods of scikit-learn beside")
    arguments = parser.parse_args()
    methods = ["trivial", "detect", "calibrated", "squeezed"]
    results, sizes = {}, {}

    methods += list(PEERS) if arguments.peers else []
    for name, names, x, label in tables_of(arguments.folder,
                                           arguments.tables.split(",") if arguments.tables else []):
        sizes[name] = (int((label == 0).sum()) // 2, x.shape[1], int(label.sum()))
        results[name] = []
        bench.load_columns("bench_rows", names + ["label"], np.column_stack([x, label]))
        for seed in range(1, arguments.seeds + 1):
            run = measure(x, label, seed, arguments.peers)
            results[name].append(run)
            print(f"# {name} {seed}: " + ", ".join(f"{m} {run[m][0]:.1f}" for m in methods),
                  file=sys.stderr, flush=True)
    if not results:
        sys.exit(f"no table of anomalies in {arguments.folder}")
    report(results, sizes, methods, arguments.seeds, not arguments.tables)


if __name__ == "__main__":
    main()
