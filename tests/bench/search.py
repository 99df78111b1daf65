"""What codes are worth for search: recall@10, beside principal components and random projections.

    tests/bench/run.sh search [--seeds 3] [--rows 20000] [--queries 500] [--options "updates => 3000"]

The rows of each table but the queries train, with purpose => 'search'.  The ten rows that are
nearest to a query are looked for among them: by the rows themselves, which is the truth, and by
codes of 16, 32 and 64 numbers.  Tables: Fashion-MNIST (Debian's package dataset-fashion-mnist, or
AE_BENCH_FASHION, a folder with its files; left out where neither is there), and of tests/data
digits, letters, and the columns of all types of adult, whose distances are those of standardised
numbers and of one column a level.  Writes results/search.md.
"""

import gzip
import os
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

import bench

SIZES = (16, 32, 64)
FASHION = Path(os.environ.get("AE_BENCH_FASHION", "/usr/share/datasets/fashion-mnist"))


def fashion():
    path = FASHION / "train-images-idx3-ubyte.gz"
    if not path.exists():
        return None
    images = np.frombuffer(gzip.open(path).read(), np.uint8, offset=16)
    return images.reshape(-1, 784).astype(np.float32) / 255


def table(name, columns):
    """A matrix of columns of a table of tests/data."""
    rows = np.genfromtxt(gzip.open(bench.DATA / name), delimiter=",", skip_header=1, usecols=columns)
    return rows.astype(np.float32)


def letters():
    x = table("cls_letter_uci.csv.gz", range(16))
    return (x - x.mean(axis=0)) / x.std(axis=0)


def nearest(base, queries, k=10):
    """Numbers of the k rows nearest to each query, and the distance of the last one."""
    square = (base.astype(float) ** 2).sum(axis=1)
    found = []
    for query in queries.astype(float):
        distance = square - 2 * (base @ query.astype(base.dtype)) + (query ** 2).sum()
        chosen = np.argpartition(distance, k)[:k]
        found.append((chosen, distance, distance[chosen].max()))
    return found


def recall(truth, base, queries):
    """Share of rows found by codes that are as near as the tenth in truth."""
    hits = [(distance[chosen] <= last + 1e-6 * abs(last)).sum()
            for (_, distance, last), (chosen, _, _) in zip(truth, nearest(base, queries))]
    return np.sum(hits) / (10 * len(hits))


def encode(source, k, seed, options):
    """Codes of all rows in the order of id, and the seconds that training took."""
    more = f", {options}" if options else ""
    seconds = bench.seconds(f"""CREATE TABLE bench_model AS SELECT ae.train({source['row']},
        ae.options(code => {k}, purpose => 'search', seed => {seed}{source['exclude']}{more})) AS model
        FROM {source['table']} t WHERE id < {source['n_base']}""".replace("\n", " "),
                            before="DROP TABLE IF EXISTS bench_model;")
    text = bench.psql(f"""COPY (SELECT array_to_string(ae.encode(m.model, {source['row']}), ' ')
        FROM {source['table']} t, bench_model m ORDER BY id) TO STDOUT""")
    return np.array([line.split(" ") for line in text.split("\n")], dtype=np.float32), seconds


def sources(arguments):
    """(name, matrix that distances are of, where the rows are)."""
    rng = np.random.default_rng(7)

    for name, make in (("Fashion-MNIST", fashion), ("letters", letters),
                       ("digits", lambda: table("img_optdigits_uci.csv.gz", range(64)) / 16)):
        x = make()
        if x is None:
            print(f"# {name}: not found", file=sys.stderr)
            continue
        x = x[rng.permutation(len(x))[:arguments.rows + arguments.queries]]
        bench.load_arrays("bench_rows", x)
        yield name, x, {"table": "bench_rows", "row": "t.x", "exclude": ""}
    bench.load_table("mx_adult_train")
    n = arguments.rows + arguments.queries
    bench.psql(f"""DROP TABLE IF EXISTS bench_mixed; CREATE TABLE bench_mixed AS
        SELECT (row_number() OVER (ORDER BY hashint4(id), id) - 1)::integer AS key, t.*
        FROM mx_adult_train t ORDER BY 1 LIMIT {n};
        ALTER TABLE bench_mixed DROP COLUMN id; ALTER TABLE bench_mixed RENAME key TO id""")
    columns = bench.columns_of("bench_mixed")
    x = bench.one_hot({name: v for name, v in columns.items() if name not in ("id", "label")})
    yield "adult", x.astype(np.float32), {"table": "bench_mixed", "row": "t", "exclude": ", exclude => '{id,label}'"}


def main():
    arguments = bench.arguments_of(__doc__, 3, rows=20000, queries=500)
    lines = []

    for name, x, source in sources(arguments):
        n_base = source["n_base"] = len(x) - arguments.queries
        base, queries = x[:n_base], x[n_base:]
        truth = nearest(base, queries)
        for k in SIZES:
            if k >= x.shape[1]:
                continue
            before = time.process_time()
            pca = PCA(k).fit(base)
            pca_seconds = time.process_time() - before
            random = np.random.default_rng(k).normal(size=(x.shape[1], k)).astype(np.float32)
            ours, seconds = [], []
            for seed in range(1, arguments.seeds + 1):
                codes, took = encode(source, k, seed, arguments.options)
                ours.append(recall(truth, codes[:n_base], codes[n_base:]))
                seconds.append(took)
            lines.append([f"{name}, {n_base:,} rows of {x.shape[1]}", k, bench.mean_sd(ours, 3),
                          f"{recall(truth, pca.transform(base), pca.transform(queries)):.3f}",
                          f"{recall(truth, base @ random, queries @ random):.3f}",
                          f"{np.median(seconds):.1f}", f"{pca_seconds:.1f}"])
            print(f"# {lines[-1]}", file=sys.stderr, flush=True)
    head = "\n".join(f"- {item}" for item in bench.machine()
                     + [f"{arguments.seeds} seeds, {arguments.queries} queries that did not train"])
    bench.publish("search", f"# Search by codes\n\n{head}\n\n" + """\
Recall@10 of exact search by codes (`purpose => 'search'`, mean and standard deviation over seeds),
by principal components of scikit-learn, and by a random projection.

""" + bench.markdown(["table", "numbers of a code", "ae", "PCA", "random", "ae: training, s",
                      "PCA: fit, s of CPU"], lines))


if __name__ == "__main__":
    main()
