#!/usr/bin/env python3
"""Writes densities.h: logarithms of densities and of Gamma by mpmath, an implementation independent of ours.

Each is taken from its textbook formula with 50 digits; arguments are exact in float32.
"""
import os

from mpmath import beta, exp, log, log1p, loggamma, mp, mpf, pi, sqrt

mp.dps = 50
HERE = os.path.dirname(os.path.abspath(__file__))


def normal(x, mean, v):
    return -((mpf(x) - mpf(mean)) ** 2 / exp(mpf(v)) + mpf(v) + log(2 * pi)) / 2


def bernoulli(x, z):
    p = 1 / (1 + exp(-mpf(z)))
    return x * log(p) + (1 - mpf(x)) * (-mpf(z) + log(p))


def categorical(z, level):
    return mpf(z[level]) - log(sum(exp(mpf(one)) for one in z))


def laplace(h, rate):
    return log(mpf(rate) / 2) - rate * abs(mpf(h))


def student_t(h, power):
    """Student's distribution of 2 power - 1 degrees of freedom, its argument times their root."""
    nu = 2 * mpf(power) - 1
    t = mpf(h) * sqrt(nu)
    return log(sqrt(nu)) - log(sqrt(nu) * beta(mpf(1) / 2, nu / 2)) - (nu + 1) / 2 * log1p(t * t / nu)


NORMAL = [(0, 0, 0), (1.5, 0.25, 0), (3, -2, -1.5), (0.5, 0.50390625, -13.8125), (40, 0, 0), (-1000, 1000, 2.5), (0.125, 0, 20)]
BERNOULLI = [(0, 0), (1, 3), (0, 3), (1, -20), (0, -20), (0, 60), (1, 60), (0.25, 1.5), (1, -300)]
CATEGORICAL = [((0, 0, 0), 1), ((1, 2, 4), 0), ((1, 2, 4), 2), ((-50, 0, 30), 0), ((-50, 0, 30), 2), ((500, -500, 0), 1)]
LAPLACE = [(0, 1), (2.5, 0.5), (-30, 4)]
STUDENT_T = [(0, 1), (1, 0.75), (-3, 2.5), (1000, 4), (0.25, 60)]
GAMMA = [0.001, 0.25, 0.5, 1, 1.5, 2, 3.75, 7.5, 8, 30.25, 1000, 1e6]


def number(value):
    return mp.nstr(mpf(value), 20)


def table(name, fields, rows):
    lines = [f"static const struct\n{{\n\t{fields}\n}} golden_{name}[] = {{"]
    lines += ["\t{" + ", ".join(row) + "}," for row in rows]
    return "\n".join(lines + ["};\n"])


def main():
    with open(os.path.join(HERE, "densities.h"), "w") as out:
        out.write("/* Written by make_densities.py: do not edit. */\n")
        out.write("#ifndef GOLDEN_DENSITIES_H\n#define GOLDEN_DENSITIES_H\n\n")
        out.write("/* clang-format off */\n")
        out.write(table("normal", "double x, mean, v, log_p;", [map(number, (*r, normal(*r))) for r in NORMAL]) + "\n")
        out.write(table("bernoulli", "double x, z, log_p;", [map(number, (*r, bernoulli(*r))) for r in BERNOULLI]) + "\n")
        rows = [["{" + ", ".join(map(number, z)) + "}", str(k), number(categorical(z, k))] for z, k in CATEGORICAL]
        out.write(table("categorical", "double z[3];\n\tint level;\n\tdouble log_p;", rows) + "\n")
        out.write(table("laplace", "double h, rate, log_p;", [map(number, (*r, laplace(*r))) for r in LAPLACE]) + "\n")
        out.write(table("student_t", "double h, power, log_p;", [map(number, (*r, student_t(*r))) for r in STUDENT_T]) + "\n")
        out.write(table("log_gamma", "double x, value;", [map(number, (x, loggamma(mpf(x)))) for x in GAMMA]) + "\n")
        out.write("/* clang-format on */\n\n#endif\n")


main()
