#!/usr/bin/env python3
"""Writes pca.h: eigenvalues of covariances by numpy.linalg.eigh, an implementation independent of ours.

The rows are made of a hash of their indices, as test_pca.c makes them: ten factors and noise.
"""
import os

import numpy as np

SIZES = [(36, 300, 5), (64, 500, 8), (300, 700, 20), (784, 900, 32), (1536, 1000, 16), (2100, 600, 8)]
FACTORS = 10
MASK = np.uint64(0xFFFFFFFF)


def uniform(stream, i, j):
    """Numbers in [-1/2, 1/2) from 32-bit arithmetic alone."""
    with np.errstate(over="ignore"):
        h = (i.astype(np.uint64) * np.uint64(73856093) ^ j.astype(np.uint64) * np.uint64(19349663) ^
             np.uint64(stream * 83492791)) & MASK
        for multiplier in (0x7FEB352D, 0x846CA68B):
            h = ((h ^ (h >> np.uint64(15))) * np.uint64(multiplier)) & MASK
        h ^= h >> np.uint64(16)
    return h.astype(np.float64) / 2.0**32 - 0.5


def rows(n, d):
    i, j, f = np.arange(n)[:, None], np.arange(d)[:, None], np.arange(FACTORS)[None, :]
    factors = uniform(1, i, f) * (FACTORS + 2.0 - f)
    x = factors @ uniform(2, j, f).T + 0.5 * uniform(3, i, np.arange(d)[None, :])
    return x.astype(np.float32).astype(np.float64)


def main():
    out = ["/* Written by make_pca.py: do not edit. */", "#ifndef GOLDEN_PCA_H", "#define GOLDEN_PCA_H", "",
           "typedef struct GoldenPca", "{", "\tunsigned n_inputs, n_rows, n_components;",
           "\tdouble total;", "\tdouble value[32];", "} GoldenPca;", "",
           "static const GoldenPca golden_pca[] = {"]
    for d, n, k in SIZES:
        x = rows(n, d)
        x -= x.mean(0)
        values = np.linalg.eigh(x.T @ x / n)[0][::-1]
        out.append(f"\t{{{d}, {n}, {k}, {values.sum():.12g},")
        out.append("\t {" + ", ".join(f"{v:.12g}" for v in values[:k]) + "}},")
    out += ["};", "", "#endif", ""]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pca.h"), "w") as file:
        file.write("\n".join(out))


main()
