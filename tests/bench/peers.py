"""Other software that trains the same network on the same rows, one thread: a process that speed.py
talks to, so that measurements can alternate.

    python peers.py torch|sklearn|bare

Prints one line of JSON about itself, then answers each line of standard input, a job

    {"file": raw float32 rows, "rows": n, "widths": [30, 16, 8, 16, 30], "seconds": s}

with {"train": rows/s, "score": rows/s}, each over whole passes and at least so many seconds.
Tanh in every layer but the last, mean squared error, Adam, minibatches of 256.  torch needs no
numpy, so Debian's python3-torch will do.
"""

import json
import os
import subprocess
import sys
import time
import warnings

BATCH = 256
SCORE_BATCH = 1024


def rate(work, n_rows, seconds):
    """Rows/s of work(), which goes once over n_rows rows; the first pass is not counted."""
    work()
    start, done = time.perf_counter(), 0
    while True:
        work()
        done += n_rows
        spent = time.perf_counter() - start
        if spent >= seconds:
            return done / spent


class Torch:
    def __init__(self):
        import torch
        torch.set_num_threads(1)
        self.torch = torch
        capability = getattr(torch.backends, "cpu", None)
        self.about = "PyTorch %s (%d thread%s)" % (
            torch.__version__, torch.get_num_threads(),
            ", " + capability.get_cpu_capability() if capability else "")

    def adam(self, parameters):
        """The fused form where there is one (2.4 and later): the fastest that PyTorch has."""
        try:
            return self.torch.optim.Adam(parameters, fused=True)
        except (RuntimeError, TypeError):
            return self.torch.optim.Adam(parameters)

    def run(self, file, rows, widths, seconds):
        torch = self.torch
        x = torch.from_file(file, size=rows * widths[0], dtype=torch.float32)
        x = x.reshape(rows, widths[0]).clone()
        layers = []
        for i, o in zip(widths, widths[1:]):
            layers += [torch.nn.Linear(i, o), torch.nn.Tanh()]
        net = torch.nn.Sequential(*layers[:-1])
        optimizer, loss = self.adam(list(net.parameters())), torch.nn.MSELoss()

        def train():
            for batch in x.split(BATCH):
                optimizer.zero_grad(set_to_none=True)
                loss(net(batch), batch).backward()
                optimizer.step()

        def score():
            with torch.inference_mode():
                return [((net(batch) - batch) ** 2).mean(1) for batch in x.split(SCORE_BATCH)]

        return {"train": rate(train, rows, seconds), "score": rate(score, rows, seconds)}


class Sklearn:
    def __init__(self):
        import numpy
        import sklearn
        from sklearn.neural_network import MLPRegressor
        from threadpoolctl import threadpool_info, threadpool_limits
        threadpool_limits(1)
        self.numpy, self.net = numpy, MLPRegressor
        blas = [p for p in threadpool_info() if p["user_api"] == "blas"]
        self.about = "scikit-learn %s (numpy %s%s)" % (
            sklearn.__version__, numpy.__version__, "".join(sorted({
                ", %s %s %s, %d thread" % (p["internal_api"], p["version"],
                                           p.get("architecture"), p["num_threads"])
                for p in blas})))

    def run(self, file, rows, widths, seconds):
        x = self.numpy.fromfile(file, dtype="float32").reshape(rows, widths[0])
        net = self.net(hidden_layer_sizes=widths[1:-1], activation="tanh", solver="adam",
                       alpha=0, batch_size=BATCH, early_stopping=False)
        warnings.simplefilter("ignore")

        def train():        # one pass over the rows a call
            net.partial_fit(x, x)

        def score():
            return ((net.predict(x) - x) ** 2).mean(axis=1)

        return {"train": rate(train, rows, seconds), "score": rate(score, rows, seconds)}


class Bare:
    """bare_loop.c, as the limit; BARE_LOOP names the program."""
    about = "bare loop of sgemm, bias + tanh and Adam in C"

    def run(self, file, rows, widths, seconds):
        command = [os.environ["BARE_LOOP"], seconds, file, rows] + widths
        return json.loads(subprocess.check_output([str(word) for word in command]))


def main():
    peer = {"torch": Torch, "sklearn": Sklearn, "bare": Bare}[sys.argv[1]]()
    print(json.dumps({"about": peer.about}), flush=True)
    for line in sys.stdin:
        print(json.dumps(peer.run(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
