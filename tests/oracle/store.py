"""Killed, resumed, repeated, other thread counts: the same bytes."""
import json
import random
import shutil
import signal
import subprocess
import time

import numpy as np

from common import DATA, Failed, call, model_path, qdebug_args, without_volatile

F, Q = model_path("cls", "pre"), model_path("cls", "pre.s8s8")


def report(store, *options, data=DATA / "cls", n=128):
    begin = time.monotonic()
    text = call(qdebug_args(F, Q, data, store, "--samples", n, *options)).stdout
    return text, time.monotonic() - begin


def canonical(text):
    """The report's bytes without its volatile lines' values."""
    full = json.loads(text)
    assert all(key in full["run"] for key in ("id", "seconds", "peak_rss_bytes"))
    return json.dumps(without_volatile(full))


def volatile_cut(text):
    """The text itself, byte for byte, with the three values blanked."""
    run = json.loads(text)["run"]
    for key in ("id", "seconds", "peak_rss_bytes"):
        for space in ("", " "):
            text = text.replace(f'"{key}":{space}{json.dumps(run[key])}', f'"{key}":?', 1)
    return text


def first_difference(a, b):
    a, b = volatile_cut(a), volatile_cut(b)
    if a == b:
        return []
    at = next((k for k, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return [f"differs at byte {at}: ...{a[max(0, at - 60):at + 60]!r}",
            f"against ...{b[max(0, at - 60):at + 60]!r}"]


def undisturbed(tmp):
    """(text, seconds) of a fresh run."""
    return report(tmp / "plain.qdb")


def cached(tmp, text, seconds):
    again, quick = report(tmp / "plain.qdb")
    yield from first_difference(text, again)
    if json.loads(text)["run"]["id"] != json.loads(again)["run"]["id"]:
        yield "a new run was made"


def threads(tmp, text):
    for n in (1, 3):
        other, _ = report(tmp / f"threads{n}.qdb", "--threads", n)
        for why in first_difference(text, other):
            yield f"--threads {n}: {why}"


def threads_of_one_sample(tmp):
    """Engine threads inside one sample must not change a sum either."""
    f, q = model_path("det", "pre"), model_path("det", "pre.s8s8")
    one, four = (call(qdebug_args(f, q, DATA / "det320", tmp / f"one{n}.qdb", "--samples", 1,
                                  "--threads", n, "--observe", "reference")).stdout
                 for n in (1, 4))
    yield from first_difference(one, four)


def killed(tmp, text, seconds, k, rng):
    """kill -9 somewhere in the run, then run to the end."""
    store = tmp / f"killed{k}.qdb"
    args = [str(a) for a in qdebug_args(F, Q, DATA / "cls", store, "--samples", 128)]
    child = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             stdin=subprocess.DEVNULL)
    wait = rng.uniform(0.02, 0.98) * seconds
    try:
        child.wait(wait)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait()
    other, _ = report(store)
    for why in first_difference(text, other):
        yield f"killed after {wait:.2f} s of {seconds:.2f}: {why}"


def killed_twice(tmp, text, seconds, rng):
    store = tmp / "twice.qdb"
    args = [str(a) for a in qdebug_args(F, Q, DATA / "cls", store, "--samples", 128)]
    for _ in range(4):
        child = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 stdin=subprocess.DEVNULL)
        try:
            child.wait(rng.uniform(0.3, 0.8) * seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    other, _ = report(store)
    yield from first_difference(text, other)


def more_samples(tmp):
    """A run of 100 samples is the same whether or not one of 70 went before."""
    alone, _ = report(tmp / "alone.qdb", n=100)
    report(tmp / "grown.qdb", n=70)
    grown, _ = report(tmp / "grown.qdb", n=100)
    yield from first_difference(alone, grown)


def bad_sample(tmp):
    data = tmp / "bad"
    data.mkdir()
    for k in range(8):
        shutil.copy(DATA / "cls" / f"{k:03d}.npy", data / f"{k:03d}.npy")
    x = np.load(data / "005.npy")
    x.flat[17] = np.nan
    np.save(data / "005.npy", x)
    store = tmp / "bad.qdb"
    try:
        report(store, data=data, n=8)
        yield "a NaN in sample 5 did not stop the run"
        return
    except Failed as e:
        if e.status != 2:
            yield f"exit status {e.status}, not 2"
        if "005.npy" not in e.stderr:
            yield f"the message does not name the file: {e.stderr.strip()}"
        if "17" not in e.stderr:
            yield f"the message does not name the element: {e.stderr.strip()}"
    import sqlite3
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        status, done = db.execute("SELECT status, samples_done FROM run").fetchone()
        n = {r[0] for r in db.execute("SELECT DISTINCT n_samples FROM pair_total t JOIN pair p "
                                      "ON p.id = t.pair_id WHERE p.kind = 'activation'")}
    if (status, done, n) != ("failed", 5, {5}):
        yield f"the store has status {status}, {done} samples done, sums over {n}"
