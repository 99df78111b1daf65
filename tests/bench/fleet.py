"""Alarms that last: a simulated fleet whose faults are slight, or only break relations.

    tests/bench/run.sh fleet [--seeds 3] [--options "noise => 0.1"]

A machine has 60 sensors, which 5 drivers move together: slow, correlated in time, each sensor a
bent mixture of them with noise of .03 to .1 of its deviation.  Detectors see 10,000 healthy rows.
Then come stretches of 200 rows: healthy ones, and incidents of 20 kinds (KINDS).

A rule makes one number of a row and those before it in its stretch: the score, the flagged rows
among the last 20 (at a contamination of 0.05), the evidence (ae.sprt), or the mean error of a
sensor over the last 20 rows beside that of healthy ones, for the worst sensor.  An alarm is a number
above that of 99 % of the healthy rows, which is the budget.  An incident is found if a tenth of its
rows are in alarm, ten times as many as without one.  p-values of ae are its own; those of the others
count 5,000 more healthy rows.

The last lines say in how many healthy rows alarms begin: evidence of 1,000 and 10,000, which rows
that are independent reach once in so many, and 5 flagged rows among 20, beside ae.alarm_rate.
Writes results/fleet.md, unless --seeds or --options is given.
"""

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

import bench

SENSORS = 60
DRIVERS = 5
TRAIN = 10000
CALIBRATE = 5000
LENGTH = 200
HEALTHY = 200
INCIDENTS = 6
BUDGET = 0.01
RULES = ("score", "k of n", "evidence", "columns")
WINDOW = 20
CONTAMINATION = 0.05
FOUND = 0.1
EXPONENTS = np.array([0.2, 0.35, 0.5, 0.65, 0.8])


class Machine:
    def __init__(self, rng):
        self.rng = rng
        self.mix = rng.normal(size=(DRIVERS, SENSORS)) * (rng.random((DRIVERS, SENSORS)) < 0.5)
        self.mix[rng.integers(DRIVERS, size=SENSORS), np.arange(SENSORS)] += 1
        self.bend = rng.uniform(0, 0.7, SENSORS)
        self.noise = rng.uniform(0.03, 0.1, SENSORS)
        clean = self.clean(self.drivers(20000))
        self.mean, self.sd = clean.mean(0), clean.std(0)

    def drivers(self, n):
        """Autoregressive, a correlation of 0.9 from row to row."""
        x = np.empty((n, DRIVERS))
        x[0] = self.rng.normal(size=DRIVERS)
        for t in range(1, n):
            x[t] = 0.9 * x[t - 1] + np.sqrt(1 - 0.9 ** 2) * self.rng.normal(size=DRIVERS)
        return x

    def clean(self, drivers):
        linear = drivers @ self.mix
        return (1 - self.bend) * linear + self.bend * 2 * np.tanh(linear)

    def scaled(self, drivers):
        """Without noise, each sensor with deviation 1."""
        return (self.clean(drivers) - self.mean) / self.sd

    def rows(self, n):
        x = self.scaled(self.drivers(n))
        return x + self.rng.normal(size=x.shape) * self.noise


# ---- faults: the rows of a stretch, one sensor or some of them changed in place ----

def offset(size, sensors=1):
    def fault(x, m, rng):
        x[:, rng.choice(SENSORS, sensors, False)] += size * rng.choice([-1, 1])
    return fault


def drift(size):
    def fault(x, m, rng):
        x[:, rng.integers(SENSORS)] += np.linspace(0, size, len(x)) * rng.choice([-1, 1])
    return fault


def stuck(x, m, rng):
    j = rng.integers(SENSORS)
    x[:, j] = x[0, j]


def noisy(x, m, rng):
    x[:, rng.integers(SENSORS)] += 0.5 * rng.normal(size=len(x))


def gain(factor):
    def fault(x, m, rng):
        x[:, rng.integers(SENSORS)] *= factor
    return fault


def unrelated(x, m, rng):
    j = rng.integers(SENSORS)
    x[:, j] = m.rows(len(x))[:, j]


def swapped(x, m, rng):
    a, b = rng.choice(SENSORS, 2, False)
    x[:, [a, b]] = x[:, [b, a]]


def late(x, m, rng):
    j = rng.integers(SENSORS)
    x[10:, j] = x[:-10, j].copy()


def spikes(x, m, rng):
    x[rng.random(len(x)) < 0.1, rng.integers(SENSORS)] += 2


def gaps(x, m, rng):
    x[rng.random(len(x)) < 0.3, rng.integers(SENSORS)] = 0


def clipped(x, m, rng):
    j = rng.integers(SENSORS)
    x[:, j] = np.minimum(x[:, j], 0)


def coarse(x, m, rng):
    j = rng.integers(SENSORS)
    x[:, j] = np.round(x[:, j])


def leak(x, m, rng):
    a, b = rng.choice(SENSORS, 2, False)
    x[:, a] += 0.5 * x[:, b]


def group_unrelated(x, m, rng):
    some = rng.choice(SENSORS, 5, False)
    x[:, some] = m.rows(len(x))[:, some]


def smooth(x, m, rng):
    """Reported as a mean over 20 rows."""
    j = rng.integers(SENSORS)
    sums = np.cumsum(np.r_[np.zeros(20), x[:, j]])
    x[:, j] = (sums[20:] - sums[:-20]) / np.minimum(np.arange(len(x)) + 1, 20)


KINDS = {
    "offset of .2 sd": offset(0.2), "of .5 sd": offset(0.5), "of 1 sd": offset(1),
    "of .2 sd, five sensors": offset(0.2, 5), "drift to .5 sd": drift(0.5),
    "drift to 1.5 sd": drift(1.5), "stuck": stuck, "noise of .5 sd": noisy, "gain 1.3": gain(1.3),
    "gain 0.6": gain(0.6), "sign turned": gain(-1), "unrelated": unrelated,
    "five unrelated": group_unrelated, "two swapped": swapped, "ten rows late": late,
    "spikes": spikes, "gaps": gaps, "clipped": clipped, "rounded to sd": coarse,
    "leak of another sensor": leak,
}


# ---- rules: a number for each row, along the rows of a matrix; an alarm is above a bound ----

def running_sums(flags, n):
    sums = np.cumsum(np.pad(flags.astype(float), ((0, 0), (n, 0))), axis=1)
    return sums[:, n:] - sums[:, :-n]


def evidence(p):
    """As ae.sprt has it."""
    w = np.ones((len(p), len(EXPONENTS)))
    out = np.empty(p.shape)
    for t in range(p.shape[1]):
        w = np.minimum(np.maximum(w, 1) * EXPONENTS * p[:, t, None] ** (EXPONENTS - 1), 1e6)
        out[:, t] = w.mean(1)
    return out


def numbers(score, p, errors):
    """errors: of each sensor beside its mean over healthy rows, or None.  Ranks of the score are too
    small to change an order but of what is equal."""
    ties = np.argsort(np.argsort(score, axis=None)).reshape(score.shape) / score.size / 1e6
    out = {"score": score, "k of n": running_sums(p <= CONTAMINATION, WINDOW) + ties,
           "evidence": np.log(evidence(p)) + ties}
    if errors is not None:
        seen = np.minimum(np.arange(LENGTH) + 1, WINDOW)
        out["columns"] = np.max([running_sums(errors[:, j].reshape(score.shape), WINDOW) / seen
                                 for j in range(SENSORS)], axis=0)
    return out


def empirical(reference, score):
    """p-values of scores among others."""
    ordered = np.sort(reference)
    return (1 + len(ordered) - np.searchsorted(ordered, score, side="left")) / (len(ordered) + 1)


# ---- detectors: (score, p, errors) of the stretches ----

def by_ae(train, spare, x, options):
    given = f"ae.options({options})" if options else "'{}'"
    for name, rows in (("train", train), ("spare", spare), ("test", x)):
        bench.load_arrays(f"fleet_{name}", rows)
    bench.psql("SET ae.progress = off; DROP TABLE IF EXISTS fleet_model; CREATE TABLE fleet_model "
               f"AS SELECT ae.train(x, {given}) AS model FROM fleet_train")
    got = bench.rows_of("SELECT ae.raw_score(model, x), ae.p_value(model, x) "
                        "FROM fleet_test, fleet_model ORDER BY id")

    def errors(name, rows):
        """Of standardised numbers: what ae.explain has, up to a factor of the sensor."""
        text = bench.psql("COPY (SELECT array_to_string(ae.reconstruct(model, x), ' ') FROM "
                          f"fleet_{name}, fleet_model ORDER BY id) TO STDOUT")
        return (rows - np.array([line.split() for line in text.split("\n")], dtype=float)) ** 2
    return got[:, 0], got[:, 1], errors("test", x) / errors("spare", spare).mean(0)


def by_mahalanobis(train, spare, x, options):
    mean, inverse = train.mean(0), np.linalg.inv(np.cov(train.T))

    def score(rows):
        return np.einsum("ij,jk,ik->i", rows - mean, inverse, rows - mean)

    def errors(rows):
        """Of each sensor, as far as all others do not explain it."""
        return ((rows - mean) @ inverse / np.diag(inverse)) ** 2
    return score(x), empirical(score(spare), score(x)), errors(x) / errors(spare).mean(0)


def by_forest(train, spare, x, options):
    forest = IsolationForest(n_estimators=200, random_state=0).fit(train)
    return -forest.score_samples(x), empirical(-forest.score_samples(spare),
                                               -forest.score_samples(x)), None


def by_lof(train, spare, x, options):
    lof = LocalOutlierFactor(n_neighbors=20, novelty=True).fit(train)
    return -lof.score_samples(x), empirical(-lof.score_samples(spare), -lof.score_samples(x)), None


DETECTORS = {"ae": by_ae, "Mahalanobis": by_mahalanobis, "isolation forest": by_forest,
             "LOF": by_lof}


def stretches(machine, rng):
    """Rows of all stretches, and of each the number of its kind, -1 for healthy."""
    kinds = np.r_[np.full(HEALTHY, -1), np.repeat(np.arange(len(KINDS)), INCIDENTS)]
    faults = list(KINDS.values())
    out = []
    for kind in kinds:
        x = machine.rows(LENGTH)
        if kind >= 0:
            faults[kind](x, machine, rng)
        out.append(x)
    return np.concatenate(out), kinds


def promised(p):
    """How often healthy rows raise alarms, in their order and in any."""
    shares = {}
    for order, rows in (("in order", p),
                        ("shuffled", np.random.default_rng(0).permutation(p.ravel()).reshape(p.shape))):
        for bound in (1000, 10000):
            on = evidence(rows) >= bound
            shares[f"begins of evidence of {bound:,}, {order}"] = (
                (on[:, 1:] & ~on[:, :-1]).sum() + on[:, 0].sum()) / on.size
        on = running_sums(rows <= CONTAMINATION, WINDOW) >= 5
        shares[f"begins of 5 of 20 flagged at 0.05, {order}"] = (
            on[:, 1:] & ~on[:, :-1])[:, WINDOW:].mean()
    return shares


def run(seed, options):
    rng = np.random.default_rng(seed)
    machine = Machine(rng)
    train, spare = machine.rows(TRAIN), machine.rows(CALIBRATE)
    x, kinds = stretches(machine, rng)
    found, promises = {}, {}
    for name, detector in DETECTORS.items():
        score, p, errors = detector(train, spare, x, options)
        score, p = score.reshape(-1, LENGTH), p.reshape(-1, LENGTH)
        for rule, number in numbers(score, p, errors).items():
            on = number > np.quantile(number[kinds < 0], 1 - BUDGET)
            caught = on.mean(1) >= FOUND
            found[name, rule] = [caught[kinds == k].mean() for k in range(len(KINDS))]
        if name == "ae":
            promises = promised(p[kinds < 0])
    return found, promises


def main():
    parser = bench.argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--options", default="")
    args = parser.parse_args()
    runs = [run(seed, args.options) for seed in range(args.seeds or 3)]
    keys = [(d, r) for r in RULES for d in DETECTORS if (d, r) in runs[0][0]]
    lines = ["| " + " | ".join(["%"] + [f"{d}, {r}" for d, r in keys]) + " |",
             "|---" * (len(keys) + 1) + "|"]
    mean = {k: np.mean([f[k] for f, _ in runs], axis=0) for k in keys}
    sd = {k: np.std([np.mean(f[k]) for f, _ in runs]) for k in keys}
    lines.append("| **all** | " + " | ".join(
        f"**{100 * mean[k].mean():.1f}** ± {100 * sd[k]:.1f}" for k in keys) + " |")
    for i, kind in enumerate(KINDS):
        lines.append(f"| {kind} | " + " | ".join(f"{100 * mean[k][i]:.0f}" for k in keys) + " |")
    lines.append("")
    for what in runs[0][1]:
        lines.append(f"{what}: {np.mean([p[what] for _, p in runs]):.6f} of healthy rows")
        lines.append("")
    rate = bench.psql(f"SELECT ae.alarm_rate({CONTAMINATION}, 5, {WINDOW})")
    lines.append(f"ae.alarm_rate({CONTAMINATION}, 5, {WINDOW}): {float(rate):.6f}")
    text = "\n".join(lines) + "\n"
    print(text)
    if not (args.seeds or args.options):
        (bench.RESULTS / "fleet.md").write_text(
            "# Alarms that last: a simulated fleet\n\nShare of incidents that are found, in %, at "
            "a budget of 1 % of healthy rows: see `fleet.py`.\nMeans over 3 machines; "
            "± is the deviation between them.\n\n" + text)


if __name__ == "__main__":
    main()
