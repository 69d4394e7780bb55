"""Talks to tests/oracle/quant_probe.c: many requests, one process.

Knows the wire format; the cases are in arithmetic.py and calibrators.py.
"""
import io
import os
import pathlib
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROBE = os.environ.get("QUANT_PROBE", ROOT / "build" / "obj" / "tests" / "oracle" / "quant_probe")
F32, F16 = 1, 10
NP = {F32: np.float32, F16: np.float16}


def text(v):
    v = v.item() if isinstance(v, (np.ndarray, np.generic)) else v
    return float(v).hex() if isinstance(v, float) else str(int(v))


def line(letter, *numbers):
    return (letter + " " + " ".join(text(v) for v in numbers) + "\n").encode()


def tensor(a):
    """dtype, rank and dimensions, to go into a line; the bytes follow it."""
    return [F32 if a.dtype == np.float32 else F16, a.ndim, *a.shape]


class Answers:
    def __init__(self, data):
        self.f = io.BytesIO(data)

    def line(self):
        s = self.f.readline().decode()
        if not s:
            raise EOFError("the probe answered less than it was asked")
        status, _, rest = s.rstrip("\n").partition(" ")
        return int(status), rest

    def array(self, n, dtype):
        size = n * np.dtype(dtype).itemsize
        data = self.f.read(size)
        if len(data) != size:
            raise EOFError("answer cut short")
        return np.frombuffer(data, dtype)


class Batch:
    """Requests with a function that reads the answer and returns a complaint or None."""

    def __init__(self):
        self.requests, self.checks = [], []

    def add(self, request, check):
        self.requests.append(request)
        self.checks.append(check)

    def run(self):
        done = subprocess.run([PROBE], input=b"".join(self.requests), capture_output=True)
        if done.returncode:
            yield f"probe ended with status {done.returncode}: {done.stderr.decode()[-500:]}"
            return
        answers = Answers(done.stdout)
        for i, check in enumerate(self.checks):
            why = check(answers)
            if why:
                yield f"case {i} of {len(self.checks)}: {why}"


def same(a, b):
    """Bit-equal numbers, but any NaN is any NaN."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.all((a == b) | ((a != a) & (b != b))))
