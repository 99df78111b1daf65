"""How real the rows look that ae.generate draws.

    tests/bench/run.sh generate [--seeds 3] [--options "updates => 6000"]

A model is trained on four fifths of a table, the fifth is held out, and as many rows are drawn as it was
trained on.  Beside it, each column is drawn by itself from the training rows (independent), and the
rows held out are judged as if they had been drawn (real).

    shapes        % by which the distribution of a column differs, the mean over columns: the largest
                  distance of distribution functions of a number, the total variation of a level
    pairs         % by which two columns together differ, the mean over all pairs: half the difference of
                  correlations, or the total variation of a table of levels, numbers in ten equal bins
                  (both as SDMetrics defines them)
    utility       AUROC of gradient boosting, trained on the rows and judged on those held out, at telling
                  the label; beside one trained on real rows
    told apart    AUROC of gradient boosting at telling the rows from real ones; 0.5: it cannot
    nearer        % of the rows whose nearest real row is one of training, where as many were held out
    copies        % of the rows that are rows of training, value for value

Writes results/generate.md, unless --options are given.
"""

import sys

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import bench

SEED = 5
TABLES = ("adult_train", "bank_marketing", "shuttle", "german_credit")
ROWS_COMPARED = 4000


def levels_of(values):
    """A column as text, NULL being a level."""
    return np.where(bench.missing(values), "", values).astype(str)


def shape_error(real, drawn):
    if not bench.is_number(real):
        a, b = levels_of(real), levels_of(drawn)
        return sum(abs((a == v).mean() - (b == v).mean()) for v in set(a) | set(b)) / 2
    a, b = (np.sort(x[~np.isnan(x)]) for x in (real, drawn))
    at = np.concatenate([a, b])
    return np.abs(np.searchsorted(a, at, "right") / len(a)
                  - np.searchsorted(b, at, "right") / len(b)).max()


def binned(values, edges):
    """Levels of a column, numbers in bins."""
    if not bench.is_number(values):
        return levels_of(values)
    return np.where(np.isnan(values), -1, np.digitize(values, edges)).astype(str)


def table_error(a, b):
    levels, code = np.unique(np.concatenate([a, b]), return_inverse=True)
    share = [np.bincount(c, minlength=len(levels)) / len(c)
             for c in (code[:len(a)], code[len(a):])]
    return np.abs(share[0] - share[1]).sum() / 2


def correlation(x, y):
    known = ~np.isnan(x) & ~np.isnan(y)
    return np.corrcoef(x[known], y[known])[0, 1]


def pair_errors(real, drawn):
    names = list(real)
    edges = {n: np.histogram_bin_edges(v[~np.isnan(v)], 10) for n, v in real.items() if bench.is_number(v)}
    a, b = ({n: binned(v, edges.get(n)) for n, v in rows.items()} for rows in (real, drawn))
    errors = []
    for i, m in enumerate(names):
        for n in names[:i]:
            if m in edges and n in edges:
                error = abs(correlation(real[m], real[n]) - correlation(drawn[m], drawn[n])) / 2
                errors.append(0 if np.isnan(error) else error)
            else:
                errors.append(table_error(np.char.add(np.char.add(a[m], "|"), a[n]),
                                          np.char.add(np.char.add(b[m], "|"), b[n])))
    return np.mean(errors)


class Features:
    """Rows as a matrix for gradient boosting: numbers, and levels by number."""

    def __init__(self, columns):
        self.codes = {n: {v: i for i, v in enumerate(sorted(set(levels_of(c))))}
                      for n, c in columns.items() if not bench.is_number(c)}
        self.categorical = [n in self.codes and len(self.codes[n]) < 255 for n in columns]

    def matrix(self, columns):
        return np.column_stack([
            [self.codes[n].get(v, np.nan) for v in levels_of(c)] if n in self.codes else c
            for n, c in columns.items()]).astype(float)

    def boosting(self):
        return HistGradientBoostingClassifier(categorical_features=self.categorical, random_state=0)


def without_label(columns):
    return {n: c for n, c in columns.items() if n != "label"}


def utility(train, test):
    """AUROC on test; labels are those of the binary column "label"."""
    features = Features(without_label({n: np.concatenate([train[n], test[n]]) for n in train}))
    y, truth = (levels_of(rows["label"]) for rows in (train, test))
    positive = sorted(set(truth))[-1]
    x, z = (features.matrix(without_label(rows)) for rows in (train, test))
    return roc_auc_score(truth == positive, features.boosting().fit(x, y == positive).predict_proba(z)[:, 1])


def told_apart(real, drawn):
    """AUROC on the half of the rows that it was not trained on."""
    n = min(len(v) for rows in (real, drawn) for v in rows.values())
    order = np.random.default_rng(SEED).permutation(len(real["label"]))[:n]
    both = {c: np.concatenate([real[c][order], drawn[c][:n]]) for c in real}
    features = Features(both)
    x, y = features.matrix(both), np.arange(2 * n) < n
    half = np.random.default_rng(SEED).random(2 * n) < 0.5
    model = features.boosting().fit(x[half], y[half])
    return roc_auc_score(y[~half], model.predict_proba(x[~half])[:, 1])


def nearer(train, held, drawn):
    """% whose nearest row, by standardised numbers and levels, is of train, of as many of both."""
    rng = np.random.default_rng(SEED)
    n = min(ROWS_COMPARED, len(held["label"]), len(drawn["label"]))
    parts = []
    for rows in (train, held, drawn):
        chosen = rng.permutation(len(rows["label"]))[:n]
        parts.append({c: v[chosen] for c, v in rows.items()})
    x = bench.one_hot({c: np.concatenate([p[c] for p in parts]) for c in train})
    a, b, d = x[:n], x[n:2 * n], x[2 * n:]
    to_train, to_held = (NearestNeighbors(n_neighbors=1).fit(of).kneighbors(d)[0][:, 0] for of in (a, b))
    return 100 * ((to_train < to_held).mean() + (to_train == to_held).mean() / 2)


def copies(train, drawn):
    def lines(rows):
        return list(zip(*(levels_of(v) for v in rows.values())))
    known = set(lines(train))
    return 100 * np.mean([line in known for line in lines(drawn)])


def judge(train, held, drawn):
    """Figures of rows drawn from a model of train."""
    return {"shapes": 100 * np.mean([shape_error(train[c], drawn[c]) for c in train]),
            "pairs": 100 * pair_errors(train, drawn),
            "utility": utility(drawn, held),
            "told apart": told_apart(held if drawn is not held else train, drawn),
            "nearer": nearer(train, held, drawn) if drawn is not held else np.nan,
            "copies": copies(train, drawn)}


def of(columns, rows):
    return {n: v[rows] for n, v in columns.items() if n != "id"}


def measure(name, seeds, more):
    bench.load_table(name)
    columns = bench.columns_of(name)
    ids = columns["id"].astype(int)
    rng = np.random.default_rng(SEED)
    chosen = rng.random(len(ids)) < 0.8
    train, held = of(columns, chosen), of(columns, ~chosen)
    n = int(chosen.sum())
    bench.mark(ids, chosen)
    result = {"real": [judge(train, held, held) | {"utility": utility(train, held)}], "ae.generate": [],
              "independent": [judge(train, held, {c: v[rng.integers(0, n, n)] for c, v in train.items()})]}
    for seed in range(1, seeds + 1):
        trained = bench.train(name, f"purpose => 'generate', seed => {seed}", more, exclude="id")
        drawn = bench.seconds(f"CREATE TABLE bench_drawn AS SELECT (row_number() OVER ())::int AS id, {', '.join('g.' + c for c in columns if c != 'id')} "
                              f"FROM bench_model, ae.generate(model, NULL::{name}, {n}, {seed}) g",
                              before="DROP TABLE IF EXISTS bench_drawn;")
        figures = judge(train, held, of(bench.columns_of("bench_drawn"), slice(None)))
        result["ae.generate"].append(figures | {"s": trained, "rows/s": n / drawn})
        print(f"# {name} {seed}: {result['ae.generate'][-1]}", file=sys.stderr, flush=True)
    return result


def main():
    arguments = bench.arguments_of(__doc__, seeds=3, tables=",".join(TABLES))
    digits = {"shapes": 2, "pairs": 2, "utility": 3, "told apart": 3, "nearer": 1, "copies": 1, "s": 0, "rows/s": 0}
    text = ""
    for name in arguments.tables.split(","):
        rows = []
        for what, runs in measure(name, arguments.seeds, arguments.options).items():
            rows.append([what] + [bench.mean_sd([run[f] for run in runs], d) if f in runs[0] else ""
                                  for f, d in digits.items()])
        text += f"\n## {name}\n\n" + bench.markdown(["rows"] + list(digits), rows)
    head = "\n".join(f"- {line}" for line in bench.machine() + [
        f"{arguments.seeds} seeds of training and drawing: mean ± standard deviation; the split is fixed"])
    bench.publish(None if arguments.options else "generate", f"# Generated rows\n\n{head}\n" + text)


if __name__ == "__main__":
    main()
