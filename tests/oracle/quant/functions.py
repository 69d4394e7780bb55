#!/usr/bin/env python3
"""src/quant against the reference package, function by function. usage: functions.py [TEST]... [SEED=N]"""
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]


def run(tap, wanted=(), seed=1):
    import calibrators
    import arithmetic
    for test, n in arithmetic.TESTS + calibrators.TESTS:
        if not wanted or test.__name__ in wanted:
            name = f"quant: {test.__name__.replace('_', ' ')} as the reference has them"
            tap.test(name, test, np.random.default_rng(seed), n)


if __name__ == "__main__":
    import common
    t = common.Tap()
    words = [w for w in sys.argv[1:] if "=" not in w]
    seeds = [int(w.split("=")[1]) for w in sys.argv[1:] if "=" in w]
    run(t, words, *seeds)
    t.end()
