"""What the benchmarks share: SQL through psql, tables in and out, metrics, the machine.

The server is the one that PGHOST, PGPORT and PGUSER name: tests/bench/run.sh starts a throw-away
one and sets them.  Needs numpy and nothing else.
"""

import gzip
import os
import platform
import re
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"
RESULTS = HERE / "results"
PSQL = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]


# ---- SQL ----------------------------------------------------------------------------------------

def psql(script, *arguments, stdin=None):
    """Output of an SQL script; raises with the server's message if it fails."""
    command = PSQL + list(arguments)
    if stdin is not None:
        command += ["-c", script]
    done = subprocess.run(command, input=script.encode() if stdin is None else stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError(f"{done.stderr.decode()}\n{script[:2000]}")
    return done.stdout.decode().rstrip("\n")


def seconds(statement, repeat=1, before="", expect=None):
    """Best time of a statement as psql measures it, over so many runs in one session; fails if the
    statement gives anything else than what is expected of it."""
    output = psql(f"{before}\n\\timing on\n" + f"{statement};\n" * repeat)
    times, answers = [], []
    for line in output.split("\n"):
        time = re.match(r"Time: ([0-9.]+) ms", line)
        times.append(float(time.group(1))) if time else answers.append(line)
    if expect is not None and set(answers) != {str(expect)}:
        raise RuntimeError(f"{answers} instead of {expect}: {statement}")
    return min(times) / 1000


def rows_of(query):
    """The numbers that a query gives, as a matrix."""
    text = psql(f"COPY ({query}) TO STDOUT")
    return np.array([line.split("\t") for line in text.split("\n")], dtype=float)


def load_columns(table, names, matrix):
    """A new table with an "id", numbered from 0, and one double precision column per name."""
    columns = ", ".join(f'"{name}" double precision' for name in names)
    psql(f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (id integer, {columns});")
    text = "".join("%d\t%s\n" % (i, "\t".join(map(repr, row)))
                   for i, row in enumerate(matrix.tolist()))
    psql(f"COPY {table} FROM STDIN", stdin=text.encode())
    psql(f"VACUUM ANALYZE {table}")


def load_arrays(table, matrix):
    """A new table (id integer, x real[]) with one array per row, through COPY BINARY."""
    n, d = matrix.shape
    row = np.zeros(n, dtype=[("n_fields", ">i2"), ("id_size", ">i4"), ("id", ">i4"),
                             ("x_size", ">i4"), ("header", ">i4", 5),
                             ("x", [("size", ">i4"), ("value", ">f4")], d)])
    row["n_fields"], row["id_size"], row["id"] = 2, 4, np.arange(n)
    row["x_size"] = 20 + 8 * d
    row["header"] = (1, 0, 700, d, 1)       # dimensions, no NULLs, type real, length, lower bound
    row["x"]["size"], row["x"]["value"] = 4, matrix
    psql(f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (id integer, x real[]);")
    psql(f"COPY {table} FROM STDIN (FORMAT binary)",
         stdin=b"PGCOPY\n\xff\r\n\0" + bytes(8) + row.tobytes() + b"\xff\xff")
    psql(f"VACUUM ANALYZE {table}")


# ---- tables of anomalies ------------------------------------------------------------------------

def read_table(path):
    """(names, features, label) of a CSV file, gzipped or not, whose last column is the label;
    None if a feature is not a number or is missing."""
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as file:
        names = file.readline().strip().split(",")
        try:
            values = np.loadtxt(file, delimiter=",", ndmin=2)
        except ValueError:
            return None
    if names[-1] != "label" or not np.isin(values[:, -1], (0, 1)).all():
        return None
    return names[:-1], values[:, :-1], values[:, -1].astype(int)


def split(label, seed):
    """Which rows train: a random half of the normal ones."""
    normal = np.flatnonzero(label == 0)
    chosen = np.random.default_rng(seed).permutation(normal)[:len(normal) // 2]
    train = np.zeros(len(label), dtype=bool)
    train[chosen] = True
    return train


def standardise(x, train):
    """z-scores by the training rows; a constant column gives 0."""
    mean, sd = x[train].mean(axis=0), x[train].std(axis=0)
    return np.where(sd > 0, (x - mean) / np.where(sd > 0, sd, 1), 0)


# ---- metrics ------------------------------------------------------------------------------------

def auroc(label, score):
    """Area under the ROC curve: P(anomaly scores higher) + P(equal) / 2."""
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    n_pos, n_neg = (label == 1).sum(), (label == 0).sum()
    return (rank[label == 1].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg)


def average_precision(label, score):
    """Precision averaged over recall, equal scores taken together."""
    values, group = np.unique(-score, return_inverse=True)
    n = np.bincount(group, minlength=len(values)).cumsum()
    hits = np.bincount(group, weights=label, minlength=len(values))
    return (hits * hits.cumsum() / n).sum() / hits.sum()


# ---- reports ------------------------------------------------------------------------------------

def cpu_model():
    found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M) \
        if os.path.exists("/proc/cpuinfo") else None
    return found.group(1) if found else platform.processor() or platform.machine()


def machine():
    """Lines that say where figures were taken."""
    return [f"CPU: {cpu_model()}, {len(os.sched_getaffinity(0))} cores; "
            f"load average at the start {os.getloadavg()[0]:.2f}",
            f"PostgreSQL {psql('SHOW server_version')}; ae: {psql('SELECT ae.version()')}"]


def markdown(head, rows):
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1)] + rows
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def publish(name, text):
    """Prints a result, and keeps it if it has a name."""
    if name:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(text)
    print(text, flush=True)
