#!/usr/bin/env python3
"""Runs the oracle tests, two jobs at a time, and prints one TAP stream.

usage: run.py [PART[:ARGUMENT]]...     all without arguments; `run.py list` names them
"""
import concurrent.futures
import os
import pathlib
import random
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
MODELS = ("det", "rec", "cls")
# float file, quantized file; A pre+pre, B raw+pre, C raw+raw
PAIRS = [("pre", "pre.s8s8"), ("raw", "pre.s8s8"), ("raw", "raw.s8s8"),
         ("pre", "pre.u8s8"), ("raw", "raw.u8s8"),
         ("pre", "pre.u8s8_pc"), ("raw", "pre.u8s8_pc"), ("raw", "raw.u8s8_pc")]


def jobs():
    for m in MODELS:
        yield from (f"pair:{m}/{f}/{q}" for f, q in PAIRS)
        yield from (f"deployed:{m}/{q}" for q in ("pre.s8s8", "pre.u8s8"))
        yield f"rename:{m}"
    yield from ("kept", "store", "quant", "small:even", "small:odd")


def pair(tap, argument):
    import accounting, common, reference, truth
    m, f, q = argument.split("/")
    fpath, qpath = common.model_path(m, f), common.model_path(m, q)
    # the pairs that users should have get all samples, the others one of the large models
    full = (m, f, q.endswith("_pc")) in ((m, "pre", False), ("cls", f, q.endswith("_pc")))
    feeds = common.real_feeds(m, None if full else 1)
    with common.scratch() as tmp:
        report = common.qdebug(fpath, qpath, common.DATA / common.INPUTS[m], "--samples",
                               str(len(feeds)), "--observe", "reference",
                               "--keep-activations", "none")
        name = f"{m} {f} {q}"
        if not q.endswith("_pc"):
            tap.test(f"{name}: activations as the reference says", reference.activations, report,
                     fpath, qpath, feeds)
            tap.test(f"{name}: weights as the reference says", reference.weights, report, fpath,
                     qpath)
        tap.test(f"{name}: activations as NumPy says", truth.activations, report, fpath, qpath,
                 feeds)
        tap.test(f"{name}: weights as NumPy says", truth.weights, report, fpath, qpath, feeds[0],
                 common.basic_optimized(fpath, tmp))
        tap.test(f"{name}: every float tensor accounted for", accounting.complete, report, fpath)
        tap.test(f"{name}: nothing without counterpart", accounting.no_counterpart, report)
        tap.test(f"{name}: reasons are true", accounting.claims, report, fpath, qpath, tmp)
        tap.test(f"{name}: quantized side", accounting.quant_side, report, qpath)


def rename(tap, argument):
    import common, rename
    m, data = argument, common.DATA / common.INPUTS[argument]
    fpath = common.model_path(m, "pre")
    options = ["--samples", "2", "--keep-activations", "none"]
    cases = [(s, o, n) for s in ("s8s8", "u8s8_pc") for o in ("reference",) for n in (False, True)]
    cases += [("s8s8", "deployed", False)]
    before = {}
    for setting, observer, deep in cases:
        qpath = common.model_path(m, f"pre.{setting}")
        if (setting, observer) not in before:
            before[setting, observer] = common.qdebug(fpath, qpath, data, "--observe", observer,
                                                      *options)
        with common.scratch() as tmp:
            other = tmp / "renamed.onnx"
            rename.renamed(qpath, other, nodes=deep, order=deep)
            what = "values, nodes, order" if deep else "values"
            tap.test(f"{m} {setting} {observer}: new names of {what} change no number",
                     lambda: rename.compare(before[setting, observer], common.qdebug(
                         fpath, other, data, "--observe", observer, *options)))


def deployed(tap, argument):
    import common, deployed
    m, q = argument.split("/")
    fpath, qpath = common.model_path(m, "pre"), common.model_path(m, q)
    feeds, data = common.real_feeds(m), common.DATA / common.INPUTS[m]
    options = ["--samples", str(len(feeds)), "--threads", "1", "--keep-activations", "none"]
    report = common.qdebug(fpath, qpath, data, *options, "--self-check", "1")
    other = common.qdebug(fpath, qpath, data, *options, "--observe", "reference")
    name = f"deployed {m} {q}"
    tap.test(f"{name}: the rows of the reference observer", deployed.same_rows, report, other)
    tap.test(f"{name}: observed as deployed", deployed.observed, report)
    tap.test(f"{name}: local SQNR as NumPy says", deployed.local, report, fpath, qpath, feeds)
    tap.test(f"{name}: outputs as plain sessions say", deployed.outputs, report, fpath, qpath,
             feeds)


def kept(tap, _):
    import common, kept
    fpath, qpath = common.model_path("cls", "pre"), common.model_path("cls", "pre.s8s8")
    with common.scratch() as tmp:
        index = kept.run(fpath, qpath, common.DATA / "cls", 16, tmp)
        tap.test("kept activations are bit-equal to Python's", kept.check, fpath, qpath,
                 common.real_feeds("cls"), index, tmp / "out")


def store(tap, _):
    import common, store
    with common.scratch() as tmp:
        text, seconds = store.undisturbed(tmp)
        rng = random.Random(3)
        tap.test("a finished run is shown again", store.cached, tmp, text, seconds)
        tap.test("the number of threads changes no byte", store.threads, tmp, text)
        tap.test("nor with one sample only", store.threads_of_one_sample, tmp)
        for k in range(10):
            tap.test(f"killed at a random moment, resumed ({k + 1} of 10)", store.killed, tmp,
                     text, seconds, k, rng)
        tap.test("killed several times, resumed", store.killed_twice, tmp, text, seconds, rng)
        tap.test("an earlier, shorter run changes nothing", store.more_samples, tmp)
        tap.test("a NaN in the sixth sample", store.bad_sample, tmp)


def small(tap, argument):
    import cases
    cases.run(tap, argument)


def quant(tap, _):
    sys.path.insert(0, str(HERE / "quant"))
    import functions
    functions.run(tap)


PARTS = {f.__name__: f for f in (pair, rename, deployed, kept, store, quant, small)}


def child(job):
    import common
    part, _, argument = job.partition(":")
    tap = common.Tap()
    try:
        PARTS[part](tap, argument)
    except Exception as e:     # the part could not even start
        tap.result(job, [f"{type(e).__name__}: {e}"])
    tap.end()


def start(job):
    done = subprocess.run([sys.executable, __file__, "--child", job], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, cwd=HERE.parents[1],
                          env={**os.environ, "PYTHONHASHSEED": "0"})
    return job, done


def main(wanted):
    chosen = [j for j in jobs() if not wanted or any(j == w or j.startswith((w + ":", w + "/"))
                                                     for w in wanted)]
    # `small:NAME` chooses one case
    chosen += [w for w in wanted if w.startswith("small:") and w not in chosen]
    if not chosen:
        sys.exit(f"run.py: nothing called {' '.join(wanted)}")
    n = bad = 0
    workers = max(1, min(2, os.cpu_count() or 1))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for future in concurrent.futures.as_completed([pool.submit(start, j) for j in chosen]):
            job, done = future.result()
            results = 0
            for line in done.stdout.splitlines():
                m = re.match(r"(not )?ok \d+ - (.*)", line)
                if m:
                    n, results, bad = n + 1, results + 1, bad + bool(m[1])
                    line = f"{m[1] or ''}ok {n} - {m[2]}"
                elif line.startswith("1.."):
                    continue
                print(line, flush=True)
            if not results or done.returncode not in (0, 1):
                n, bad = n + 1, bad + 1
                print(f"not ok {n} - {job}: ended with status {done.returncode}")
                print("\n".join(f"# {s}" for s in done.stderr.splitlines()[-12:]), flush=True)
    print(f"1..{n}")
    return bad != 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    elif sys.argv[1:] == ["list"]:
        print("\n".join(jobs()))
    else:
        sys.exit(main(sys.argv[1:]))
