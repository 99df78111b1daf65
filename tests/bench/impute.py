"""How well ae.impute fills what is missing.

    tests/bench/run.sh impute [--seeds 5] [--options "noise => 0.1"]

Of wbc (numbers) and mushroom (categories) 10 % and 30 % of the cells that are known are removed at
random, a fixed choice (SEED), and put back by ae.impute:

    same rows     the model is trained on the very rows that have the holes
    other rows    it is trained on a half of the rows without holes, and fills those of the other half

Numbers: root mean squared error of the cells removed, in standard deviations of their column,
relative to filling the mean of the known ones.  Categories: % of the levels removed that come back,
beside always taking the most frequent one.  Constant columns are left alone.
Writes results/impute.md, unless --options are given.
"""

import sys

import numpy as np

import bench

SEED = 4
SHARES = (0.1, 0.3)
TABLES = ("wbc", "mushroom")
OPTIONS = {"default": "", "compress": "purpose => 'compress'"}


class Holed:
    """A table, and bench_holed: the same table with cells removed."""

    def __init__(self, name, share):
        self.name, self.share = name, share
        bench.load_table(name)
        self.truth = bench.columns_of(name)
        self.ids = self.truth.pop("id").astype(int)
        del self.truth["label"]
        rng = np.random.default_rng(SEED)
        self.other = rng.random(len(self.ids)) < 0.5
        self.holes = {column: ~bench.missing(values) & (rng.random(len(values)) < share)
                      & (len(set(values[~bench.missing(values)])) > 1)
                      for column, values in self.truth.items()}
        names = np.array(list(self.truth))
        holes = np.column_stack(list(self.holes.values()))
        bench.copy_in("bench_holes", "id integer PRIMARY KEY, missing text[]",
                      ((i, "{%s}" % ",".join(names[row])) for i, row in zip(self.ids, holes)))
        cells = ", ".join(f"CASE WHEN '{c}' <> ALL (missing) THEN {c} END AS {c}" for c in names)
        bench.psql(f"""
            DROP TABLE IF EXISTS bench_holed CASCADE;
            CREATE TABLE bench_holed AS SELECT id, {cells} FROM {name} JOIN bench_holes USING (id)""")

    def filled(self):
        """The columns as bench_model fills them."""
        bench.psql("""
            DROP TABLE IF EXISTS bench_filled;
            CREATE TABLE bench_filled AS
            SELECT r.* FROM bench_holed t, bench_model m, LATERAL ae.impute(m.model, t) r""")
        return bench.columns_of("bench_filled")

    def trivial(self):
        """The columns with means and most frequent levels filled in."""
        result = {}
        for name, values in self.truth.items():
            known = values[~self.holes[name] & ~bench.missing(values)]
            if bench.is_number(values):
                guess = known.mean()
            else:
                levels, count = np.unique(known.astype(str), return_counts=True)
                guess = levels[count.argmax()]
            result[name] = np.where(self.holes[name], guess, values)
        return result

    def quality(self, filled, rows):
        """Root mean squared error in standard deviations, or % right, over the holes of rows."""
        errors = []
        for name, values in self.truth.items():
            hole = self.holes[name] & rows
            if bench.missing(filled[name][hole]).any():
                raise RuntimeError(f"{self.name}.{name}: a NULL is left")
            if bench.is_number(values):
                errors.append(((filled[name] - values)[hole] / values.std()) ** 2)
            else:
                errors.append(100.0 * (filled[name] == values)[hole])
        mean = np.concatenate(errors).mean()
        return np.sqrt(mean) if bench.is_number(values) else mean


def measure(table, seeds, more):
    """[(what, trivial, [ours of each seed])]"""
    everywhere = np.ones(len(table.ids), bool)
    trivial = table.trivial()
    ways = {"same rows": ("bench_holed", everywhere, everywhere),
            "other rows": (table.name, ~table.other, table.other)}
    result = []

    for way, (relation, train, judged) in ways.items():
        for purpose, options in OPTIONS.items():
            runs = []
            bench.mark(table.ids, train)
            for seed in range(1, seeds + 1):
                bench.train(relation, f"seed => {seed}", options, more,
                            exclude="id" if relation == "bench_holed" else "id,label")
                runs.append(table.quality(table.filled(), judged))
                print(f"# {table.name} {table.share} {way} {purpose}: {runs[-1]:.3f}",
                      file=sys.stderr, flush=True)
            result.append((f"{way}, {purpose}", table.quality(trivial, judged), runs))
    return result


def main():
    arguments = bench.arguments_of(__doc__, seeds=5)
    lines = {name: [] for name in TABLES}

    for name in TABLES:
        for share in SHARES:
            for what, trivial, runs in measure(Holed(name, share), arguments.seeds,
                                               arguments.options):
                digits = 3 if name == "wbc" else 1
                row = [what, f"{share:.0%}", f"{trivial:.{digits}f}", bench.mean_sd(runs, digits)]
                lines[name].append(row + ([f"{np.mean(runs) / trivial:.2f}"] if name == "wbc" else []))
    head = "\n".join(f"- {line}" for line in bench.machine() + [
        f"{arguments.seeds} seeds of training: mean ± standard deviation; the holes are fixed"])
    bench.publish(None if arguments.options else "impute", f"# Imputation\n\n{head}\n\n" + """\
Cells are removed at random and filled by `ae.impute`. *Same rows*: the model learnt from the rows
with the holes; *other rows*: from a half without holes, the other half is filled.

## wbc: root mean squared error in standard deviations

""" + bench.markdown(["trained on, purpose", "removed", "mean", "`ae.impute`", "ratio"], lines["wbc"]) + """
## mushroom: % of levels found

""" + bench.markdown(["trained on, purpose", "removed", "most frequent", "`ae.impute`"],
                     lines["mushroom"]))


if __name__ == "__main__":
    main()
