"""What the benchmarks share: SQL through psql, tables in and out, metrics, the machine.

The server is the one that PGHOST, PGPORT and PGUSER name: tests/bench/run.sh starts a throw-away
one and sets them.  Needs numpy and nothing else.
"""

import argparse
import gzip
import os
import platform
import re
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
DATA = HERE.parent / "data"
RESULTS = HERE / "results"
PSQL = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]


# ---- SQL ----------------------------------------------------------------------------------------

def psql(script, *arguments, stdin=None):
    """Output of an SQL script; raises with the server's message if it fails."""
    command = PSQL + list(arguments)
    if stdin is not None:
        command += ["-c", script]
    done = subprocess.run(command, input=script.encode() if stdin is None else stdin, cwd=TOP,
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


def copy_in(table, definition, rows):
    """A new table with rows of what str() and COPY's text format agree on."""
    psql(f"DROP TABLE IF EXISTS {table} CASCADE; CREATE TABLE {table} ({definition})")
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    psql(f"COPY {table} FROM STDIN", stdin=text.encode())
    psql(f"VACUUM ANALYZE {table}")


def load_columns(table, names, matrix):
    """A new table with an "id", numbered from 0, and one double precision column per name."""
    columns = ", ".join(f'"{name}" double precision' for name in names)
    copy_in(table, f"id integer, {columns}",
            ([i] + row for i, row in enumerate(matrix.tolist())))


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


# ---- tables with columns of all types -----------------------------------------------------------

def load_table(name):
    """One of the tables of tests/data by its name, each column with its natural type."""
    psql(f"DROP TABLE IF EXISTS {name} CASCADE;\n\\set table {name}\n\\i {DATA}/load.sql")


def columns_of(relation):
    """{name: values} of a table or view in the order of its id: numbers and times as double with
    NaN for NULL, everything else as text with None."""
    kinds = dict(line.split("|") for line in psql(f"""
        SELECT quote_ident(attname), typcategory FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
        WHERE attrelid = '{relation}'::regclass AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum""").split("\n"))
    listed = ", ".join(f"extract(epoch FROM {name})" if kind == "D" else name
                       for name, kind in kinds.items())
    text = psql(f"COPY (SELECT {listed} FROM {relation} ORDER BY id) TO STDOUT")
    values = zip(*(line.split("\t") for line in text.split("\n")))
    result = {}

    for (name, kind), column in zip(kinds.items(), values):
        if kind in "ND":
            result[name.strip('"')] = np.array([np.nan if v == "\\N" else float(v) for v in column])
        else:
            result[name.strip('"')] = np.array([None if v == "\\N" else v for v in column], object)
    return result


def is_number(column):
    return column.dtype != object


def missing(column):
    return np.isnan(column) if is_number(column) else np.equal(column, None)


def rarity(column, train):
    """How odd each value is by itself, among those that train: the squared z-score of a number,
    -log frequency of a level; NaN where it is missing."""
    if is_number(column):
        known = column[train & ~missing(column)]
        sd = known.std() if len(known) else 0
        return ((column - known.mean()) / sd) ** 2 if sd > 0 else np.where(missing(column), np.nan, 0)
    levels, count = np.unique(column[train & ~missing(column)].astype(str), return_counts=True)
    share = dict(zip(levels, count / count.sum()))
    return np.array([np.nan if v is None else -np.log(share.get(v, 1 / (count.sum() + 1)))
                     for v in column])


def one_hot(columns):
    """Standardised numbers and one column per level; what is missing is 0."""
    parts = []
    for values in columns.values():
        known = ~missing(values)
        if is_number(values):
            parts.append(np.where(known, (values - values[known].mean()) / (values[known].std() or 1), 0))
        else:
            parts += [(values == level).astype(float) for level in sorted(set(values[known]))]
    return np.column_stack(parts)


def mean_rarity(columns, train):
    """Mean of rarity over the columns that are there."""
    cells = np.column_stack([rarity(column, train) for column in columns.values()])
    n = (~np.isnan(cells)).sum(axis=1)
    return np.where(n > 0, np.nansum(cells, axis=1) / np.maximum(n, 1), 0)


# ---- models -------------------------------------------------------------------------------------

def mark(ids, train):
    """Notes which rows train, for train() and scores()."""
    copy_in("bench_part", "id integer PRIMARY KEY, train boolean", zip(ids, train))


def train(relation, *options, exclude="id,label"):
    """A model of the rows of a relation that are marked, in bench_model; the seconds it took."""
    more = "".join(f", {option}" for option in options if option)
    return seconds(f"""
        CREATE TABLE bench_model AS SELECT ae.train(t, ae.options(exclude => '{{{exclude}}}'{more})) AS model
        FROM {relation} t JOIN bench_part USING (id) WHERE train""".replace("\n", " "),
                   before="DROP TABLE IF EXISTS bench_model;")


def scores(relation, *functions):
    """What functions of ae give for the rows that did not train, in the order of id."""
    calls = ", ".join(f"ae.{function}(m.model, t)" for function in functions)
    return rows_of(f"""SELECT {calls} FROM {relation} t JOIN bench_part USING (id), bench_model m
                       WHERE NOT train ORDER BY id""").T


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


# ---- arguments and reports ----------------------------------------------------------------------

def arguments_of(doc, seeds, **more):
    """Arguments of the command line: seeds, options, and those named with their defaults."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--options", default="",
                        help="of ae.options, for every model: \"noise => 0.1, updates => 500\"")
    for name, default in more.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


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


def mean_sd(values, digits=1):
    sd = np.std(values, ddof=1) if len(values) > 1 else 0
    return f"{np.mean(values):.{digits}f} ± {sd:.{digits}f}"


def publish(name, text):
    """Prints a result, and keeps it if it has a name."""
    if name:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(text)
    print(text, flush=True)
