"""Rows/s of training and scoring through SQL, beside PyTorch, scikit-learn and a bare loop in C, on
the same rows, in the same run, one thread each.  Writes results/speed.md.

Started by tests/bench/run.sh.  Every figure is the best of --repeats repetitions, taken in turns:
all programs once, then all again.
"""

import argparse
import json
import subprocess
import sys

import numpy as np

import bench

SHAPES = [((30, 16, 8), 204800), ((100, 64, 32), 51200),
          ((784, 512, 128), 7680), ((784, 1000, 500, 250, 30), 3072)]
BATCH = 256
PEERS = ("torch", "sklearn", "bare")
FORMS = {
    "`count(*)`": "SELECT count(*) FROM {table}",
    "`sum(cardinality(x))`": "SELECT sum(cardinality(x)) FROM {table}",
    "score, model a constant":
        "SELECT sum(ae.reconstruction_error(:'model'::bytea, x)) FROM {table}",
    "score, model from a subquery":
        "SELECT sum(ae.reconstruction_error((SELECT model FROM models WHERE name = '{table}'), x)) "
        "FROM {table}",
    "score, model from a join":
        "SELECT sum(ae.reconstruction_error(m.model, x)) FROM {table}, models m "
        "WHERE m.name = '{table}'",
}
BULK = "score, model from a subquery"


class Peer:
    """Another program, in a process that waits for its turn."""

    def __init__(self, kind, python):
        self.process = subprocess.Popen([python, str(bench.HERE / "peers.py"), kind], text=True,
                                        bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.about = self.answer()["about"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a peer ended early")
        return json.loads(line)

    def run(self, shape, seconds):
        self.process.stdin.write(json.dumps({
            "file": shape.file, "rows": shape.rows, "widths": shape.widths,
            "seconds": seconds}) + "\n")
        return self.answer()


class Shape:
    """One network: its rows in a file and in a table, and the best times of training on them."""

    def __init__(self, widths, rows, scratch):
        self.name = "-".join(map(str, widths))
        self.table = "rows_" + self.name.replace("-", "_")
        self.widths = list(widths) + list(widths[-2::-1])
        self.rows = rows
        self.file = f"{scratch}/{self.table}.f32"
        self.options = (f"hidden => '{{{','.join(map(str, widths[1:-1]))}}}', code => {widths[-1]},"
                        "activation => 'tanh', code_activation => 'tanh', optimizer => 'adam',"
                        f"batch_size => {BATCH}, validation => 0, noise => 0,"
                        "schedule => 'constant', warmup => 0, learning_rate => 1e-3,"
                        "scaling => 'none'")
        self.epochs = None
        self.time = {}          # epochs -> best seconds of a whole statement
        self.best = {}          # what -> rows/s

        x = np.random.default_rng(rows).random((rows, widths[0]), dtype=np.float32) - 0.5
        x.tofile(self.file)
        bench.load_arrays(self.table, x)

    def call(self, epochs):
        return f"ae.train(x, ae.options({self.options}, epochs => {epochs}))"

    def seconds(self, epochs):
        # the number of updates says that no epoch was left out
        return bench.seconds(f"SELECT ae.describe({self.call(epochs)})->'training'->'updates' "
                             f"FROM {self.table}", expect=epochs * self.rows // BATCH)

    def prepare(self, seconds):
        """Finds how many epochs take long enough, and keeps a model to score with."""
        self.epochs = 2
        while self.seconds(self.epochs) < seconds / 2:
            self.epochs *= 2
        bench.psql(f"INSERT INTO models SELECT '{self.table}', {self.call(2)} FROM {self.table}")

    def keep(self, what, rate):
        self.best[what] = max(self.best.get(what, 0), rate)

    def measure_training(self):
        """One repetition; the rate of epochs alone comes from the best times of two lengths."""
        for epochs in (self.epochs, 3 * self.epochs):
            self.time[epochs] = min(self.seconds(epochs), self.time.get(epochs, np.inf))
        short, long = self.time[self.epochs], self.time[3 * self.epochs]
        self.best["ae train"] = 2 * self.epochs * self.rows / (long - short)
        self.best["ae train, whole"] = 3 * self.epochs * self.rows / long

    def measure_scoring(self):
        # reading the model into a psql variable takes no part in the time
        before = f"SELECT model FROM models WHERE name = '{self.table}' \\gset"
        for form, query in FORMS.items():
            constant = ":'model'" in query
            if constant and self.widths[0] > 100:
                continue        # megabytes as a literal: nobody would
            best = bench.seconds(query.format(table=self.table), repeat=3,
                                 before=before if constant else "")
            self.keep(form, self.rows / best)


def measure(arguments):
    python = {"torch": arguments.torch, "sklearn": sys.executable, "bare": sys.executable}
    peers = {kind: Peer(kind, python[kind]) for kind in PEERS if python[kind] != "none"}
    bench.psql("DROP TABLE IF EXISTS models; CREATE TABLE models (name text, model bytea)")
    shapes = [Shape(widths, rows, arguments.scratch) for widths, rows in SHAPES]
    kernel = None

    for shape in shapes:
        shape.prepare(arguments.seconds)
    for repeat in range(arguments.repeats):
        for shape in shapes:
            print(f"# {repeat + 1}/{arguments.repeats} {shape.name}", file=sys.stderr, flush=True)
            shape.measure_training()
            shape.measure_scoring()
            for kind, peer in peers.items():
                answer = peer.run(shape, arguments.seconds)
                kernel = answer.get("kernel", kernel)
                for what in ("train", "score"):
                    shape.keep(f"{kind} {what}", answer[what])
    return shapes, peers, kernel


def rate(value):
    """Rows/s with three digits."""
    if not value:
        return "–"
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            value /= size
            return f"{value:.3g} {unit}" if value < 1e3 else f"{value:.0f} {unit}"
    return f"{value:.3g}"


def ratio(a, b):
    return f"{a / b:.2f}" if a and b else "–"


def report(shapes, peers, kernel, arguments):
    training, scoring = [], []
    for s in shapes:
        get = s.best.get
        training.append([s.name, rate(get("ae train")), rate(get("ae train, whole")),
                         rate(get("torch train")), rate(get("sklearn train")),
                         rate(get("bare train")), ratio(get("ae train"), get("torch train")),
                         ratio(get("ae train"), get("bare train"))])
        scoring.append([s.name, rate(get(BULK)), rate(get("torch score")),
                        rate(get("sklearn score")), rate(get("bare score")),
                        f"{1e9 / get(BULK):.0f}"])
    small = shapes[0]
    per_row = [[form, f"{1e9 / small.best[form]:.0f}",
                f"{1e9 / small.best[form] - 1e9 / small.best['`count(*)`']:.0f}"]
               for form in FORMS]
    model = bench.psql(f"SELECT octet_length(model) FROM models WHERE name = '{small.table}'")
    lines = bench.machine() + [peer.about for peer in peers.values()] + [
        f"OpenBLAS kernel in use: {kernel} (OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE unset)",
        f"one thread each, the best of {arguments.repeats} repetitions in turns, "
        f"at least {arguments.seconds:g} s each"]
    bench.publish("speed", "\n".join(
        ["# Speed", ""] + [f"- {line}" for line in lines] + ["", f"""\
## Training, rows/s

Tanh, linear output, squared error, Adam, minibatches of {BATCH}, float32; the decoder mirrors the
encoder. *ae* is the rate of epochs alone through SQL: rows of the additional epochs by the
additional time of a longer statement. *Whole statement* adds the scan, the canonical order,
calibration and writing the model, at {' / '.join(str(3 * s.epochs) for s in shapes)} epochs over
{' / '.join(str(s.rows) for s in shapes)} rows. PyTorch and the bare loop take the rows as they lie
in memory, without shuffling; PyTorch uses its fused Adam where it has one.
""", bench.markdown(["network", "ae", "ae, whole statement", "PyTorch", "scikit-learn", "bare loop",
                     "ae / PyTorch", "ae / bare loop"], training),
         """\
## Scoring, rows/s

*ae* is `SELECT sum(ae.reconstruction_error((SELECT model …), x)) FROM t`, a row at a time, from the
table's pages; the others score matrices that lie in memory, in batches. A network that does not
fit the core's cache is read again for every row, which is what the large ones cost.
""", bench.markdown(["network", "ae through SQL", "PyTorch", "scikit-learn", "bare loop",
                     "ae ns/row"], scoring),
         f"""\
## One row, {small.name}

{small.rows} rows, a model of {model} bytes.
""", bench.markdown(["query", "ns/row", "above `count(*)`"], per_row)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", default=sys.executable, help="a Python with torch, or none")
    parser.add_argument("--scratch", default="/tmp", help="directory for the rows' files")
    parser.add_argument("--seconds", type=float, default=2, help="length of a measurement")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    report(*measure(arguments), arguments)


if __name__ == "__main__":
    main()
