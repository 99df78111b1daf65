"""Whether ae.explain names the column that is wrong: in adult, one value of a row is exchanged.

    tests/bench/run.sh explain [--rows 1000] [--seeds 5] [--options "noise => 0.1"]

The model is trained on a random half of the normal rows with default options; altered are rows of
the other half, a fixed choice (SEED).  The new value comes from another random row, so that every
value is one that people have.  Two recipes:

    rare    a random column gets a value that is rarer than its own (larger squared z-score, or
            lower level frequency)
    joint   a random column gets a value that is common by itself, next to another value of the row
            that is common by itself, and in the whole table the two are found together NEVER times
            as often as chance would join them; numbers count by decile

Asked is the place of the exchanged column in the order of ae.explain, beside its place by rarity of
the single value.  Of a joint anomaly the other half of the impossible pair is as guilty as the
column that was exchanged, so the share in which either is first is counted too.
Writes results/explain.md, unless --rows or --options is given.
"""

import sys

import numpy as np

import bench

TABLE = "adult_train"
SEED = 4
ROWS = 1000
COMMON = 0.05
NEVER = 0.01
TRIES = 30


class Adult:
    def __init__(self):
        bench.load_table(TABLE)
        self.columns = bench.columns_of(TABLE)
        self.ids = self.columns.pop("id").astype(int)
        self.label = self.columns.pop("label").astype(int)
        self.names = list(self.columns)
        self.train = bench.split(self.label, SEED)
        self.rarity = np.column_stack([bench.rarity(c, self.train) for c in self.columns.values()])
        self.levels = np.column_stack([binned(c) for c in self.columns.values()])
        self.normal = np.flatnonzero((self.label == 0) & ~self.train)


def binned(column):
    """Numbers of levels, -1 where missing; a number counts by its decile."""
    known = ~bench.missing(column)
    if bench.is_number(column):
        edges = np.unique(np.quantile(column[known], np.arange(0.1, 1, 0.1)))
        return np.where(known, np.searchsorted(edges, column, side="right"), -1)
    _, level = np.unique(column.astype(str), return_inverse=True)
    return np.where(known, level, -1)


def rare(adult, n, rng):
    """(row, column, donor, guilty columns) of n alterations that make one value rarer."""
    for row in rng.choice(adult.normal, n, replace=False):
        while True:
            column, donor = rng.integers(len(adult.names)), rng.integers(len(adult.ids))
            if adult.rarity[donor, column] > adult.rarity[row, column] + 1e-9:
                break
        yield row, column, donor, {column}


def impossible_pairs(adult):
    """{column: {level: {other column: levels}}} of what is not found together."""
    n, d = adult.levels.shape
    pairs = {}
    for a in range(d):
        for b in set(range(d)) - {a}:
            found = np.zeros((adult.levels[:, a].max() + 2, adult.levels[:, b].max() + 2))
            np.add.at(found, (adult.levels[:, a], adult.levels[:, b]), 1)
            found = found[:-1, :-1]         # the last ones are what is missing
            share_a, share_b = found.sum(1) / n, found.sum(0) / n
            never = ((found <= NEVER * n * np.outer(share_a, share_b))
                     & (share_a >= COMMON)[:, None] & (share_b >= COMMON)[None, :])
            for x, y in zip(*np.nonzero(never)):
                pairs.setdefault(a, {}).setdefault(x, {}).setdefault(b, set()).add(y)
    return pairs


def joint(adult, n, rng):
    """The same, of alterations that make an impossible pair of common values."""
    pairs = impossible_pairs(adult)
    made = 0
    for row in rng.permutation(adult.normal):
        column = rng.choice(list(pairs))
        for donor in rng.integers(len(adult.ids), size=TRIES):
            impossible = pairs[column].get(adult.levels[donor, column], {})
            others = {b for b, levels in impossible.items() if adult.levels[row, b] in levels}
            if others:
                made += 1
                yield row, column, donor, others | {column}
                break
        if made == n:
            return


def alter(adult, changes):
    """The altered rows, numbered from 0, as the table bench_changed with adult's own types."""
    bench.copy_in("bench_change", "id integer, source integer, col text, donor integer",
                  ((i, adult.ids[row], adult.names[column], adult.ids[donor])
                   for i, (row, column, donor, _) in enumerate(changes)))
    cells = ", ".join(f"CASE c.col WHEN '{name}' THEN d.{name} ELSE s.{name} END AS {name}"
                      for name in adult.names)
    bench.psql(f"""
        DROP TABLE IF EXISTS bench_changed;
        CREATE TABLE bench_changed AS SELECT c.id, {cells}
        FROM bench_change c JOIN {TABLE} s ON s.id = c.source JOIN {TABLE} d ON d.id = c.donor""")


def explained(adult, n):
    """Columns of each altered row in the order of ae.explain."""
    lines = bench.psql("""
        SELECT id, string_agg(feature, ' ' ORDER BY place)
        FROM bench_changed t, bench_model m, LATERAL ae.explain(m.model, t) WITH ORDINALITY AS
            e(feature, value, expected, error, share, probability, reason, place)
        GROUP BY id ORDER BY id""").split("\n")
    if len(lines) != n:
        raise RuntimeError(f"{len(lines)} rows are explained, not {n}")
    return [[adult.names.index(name) for name in line.split("|")[1].split()] for line in lines]


def by_rarity(adult, changes):
    """Columns of each altered row in the order of how rare their values are by themselves."""
    orders = []
    for row, column, donor, _ in changes:
        rarity = adult.rarity[row].copy()
        rarity[column] = adult.rarity[donor, column]
        known = np.flatnonzero(~np.isnan(rarity))
        orders.append(known[np.argsort(-rarity[known], kind="stable")].tolist())
    return orders


def shares(orders, changes):
    """% in which the exchanged column is first, among the first three, and any guilty one first."""
    first, three, guilty = [], [], []
    for order, (_, column, _, blamed) in zip(orders, changes):
        first.append(order[0] == column)
        three.append(column in order[:3])
        guilty.append(order[0] in blamed)
    return np.array([100 * np.mean(x) for x in (first, three, guilty)])


def measure(adult, seeds, n, options):
    """[(recipe, alterations, {method: shares of each seed})]"""
    rng = np.random.default_rng(SEED)
    recipes = {"rare": list(rare(adult, n, rng)), "joint": list(joint(adult, n, rng))}
    results = {recipe: [] for recipe in recipes}

    bench.mark(adult.ids, adult.train)
    for seed in range(1, seeds + 1):
        bench.train(TABLE, f"seed => {seed}", options)
        for recipe, changes in recipes.items():
            alter(adult, changes)
            results[recipe].append(shares(explained(adult, len(changes)), changes))
            print(f"# {recipe} {seed}: {results[recipe][-1]}", file=sys.stderr, flush=True)
    return [(recipe, changes, {"`ae.explain`": results[recipe],
                               "rarity": [shares(by_rarity(adult, changes), changes)]})
            for recipe, changes in recipes.items()]


def main():
    arguments = bench.arguments_of(__doc__, seeds=5, rows=ROWS)
    adult = Adult()
    lines = []

    for recipe, changes, methods in measure(adult, arguments.seeds, arguments.rows,
                                            arguments.options):
        for method, runs in methods.items():
            lines.append([f"{recipe}: {method}", len(changes)]
                         + [bench.mean_sd([run[i] for run in runs]) for i in range(3)])
    head = "\n".join(f"- {line}" for line in bench.machine() + [
        f"{arguments.seeds} seeds of training: mean ± standard deviation; the alterations are fixed"])
    keep = arguments.rows == ROWS and not arguments.options
    bench.publish("explain" if keep else None, f"# Explanations\n\n{head}\n\n" + f"""\
In normal rows of adult, not seen in training, one value is exchanged for that of another row. Place
of the exchanged column, in %, by `ae.explain` and by how rare each value is alone. *rare*: the new
value is rarer than the old one. *joint*: the new value is common, so is another one of the row (each
in {COMMON:.0%} of rows or more), and the table has at most {NEVER:.0%} of the rows with both that chance would
give; either may then be called the wrong one.

""" + bench.markdown(["", "rows", "first", "in the first three", "it or its counterpart first"], lines))


if __name__ == "__main__":
    main()
