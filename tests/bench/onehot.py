"""What it saves to know that a column is a category: adult, against the same as a dense array.

    tests/bench/run.sh onehot [--seconds 4] [--repeats 3]

The table's row with its category columns (up to 41 levels), against an array of the standardised
numbers and a 0 or 1 for each level.  Same hidden widths, same minibatches, the noise of the default
on every number of a row (6 of the columns, 105 of the array), no validation; rows/s of training
alone, from two lengths of the same statement, and of the longer statement as a whole.
Writes results/onehot.md.
"""

import argparse
import sys

import numpy as np

import bench

TABLE = "adult_train"
BATCH = 256
WIDTHS = {"256-256": "hidden => '{}', code => 256, decoder => '{256}'",      # as by default
          "128": "hidden => '{}', code => 128",
          "64-16-64": "hidden => '{64}', code => 16",
          "32": "hidden => '{}', code => 32"}


class Form:
    """One way to hand the rows over."""

    def __init__(self, row, relation, options):
        self.row, self.relation, self.options = row, relation, options
        self.updates, self.time = 100, {}

    def seconds(self, updates):
        """Of a statement with so many updates."""
        options = (f"updates => {updates}, batch_size => {BATCH}, validation => 0, "
                   f"{self.options}")
        return bench.seconds(
            f"SELECT ae.describe(ae.train({self.row}, ae.options({options})))->'training'->'updates' "
            f"FROM {self.relation} t", expect=updates)

    def prepare(self, seconds):
        while self.seconds(self.updates) < seconds / 2:
            self.updates *= 2

    def measure(self):
        for updates in (self.updates, 3 * self.updates):
            self.time[updates] = min(self.seconds(updates), self.time.get(updates, np.inf))

    def rates(self):
        """Rows/s of updates alone, and of the whole longer statement."""
        short, long = self.time[self.updates], self.time[3 * self.updates]
        return 2 * self.updates * BATCH / (long - short), 3 * self.updates * BATCH / long


def forms(widths):
    shared = f"{widths}, purpose => 'detect'"
    return {"columns": Form("t", TABLE, f"{shared}, masking => 0, exclude => '{{id,label}}'"),
            "array": Form("x", "bench_dense", f"{shared}, scaling => 'none'")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()

    bench.load_table(TABLE)
    columns = bench.columns_of(TABLE)
    del columns["id"], columns["label"]
    x = bench.one_hot(columns)
    bench.load_arrays("bench_dense", x)
    runs = {name: forms(widths) for name, widths in WIDTHS.items()}
    for pair in runs.values():
        for form in pair.values():
            form.prepare(arguments.seconds)
    for repeat in range(arguments.repeats):
        for name, pair in runs.items():
            print(f"# {repeat + 1}/{arguments.repeats} {name}", file=sys.stderr, flush=True)
            for form in pair.values():
                form.measure()
    lines = []
    for name, pair in runs.items():
        own, array = pair["columns"].rates(), pair["array"].rates()
        lines.append([name] + [f"{rate / 1e3:.1f} k" for rate in (own[0], array[0])]
                     + [f"{own[0] / array[0]:.2f}"]
                     + [f"{rate / 1e3:.1f} k" for rate in (own[1], array[1])]
                     + [f"{own[1] / array[1]:.2f}"])
    head = "\n".join(f"- {line}" for line in bench.machine() + [
        f"{len(columns)} columns, {x.shape[1]} inputs; minibatches of {BATCH}; "
        f"the best of {arguments.repeats} repetitions in turns"])
    bench.publish("onehot", f"# Categories against one-hot arrays: adult\n\n{head}\n\n"
                  + bench.markdown(["hidden widths", "columns, rows/s", "array, rows/s", "ratio",
                                    "columns, whole statement", "array, whole statement", "ratio"],
                                   lines))


if __name__ == "__main__":
    main()
