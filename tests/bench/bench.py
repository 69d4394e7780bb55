#!/usr/bin/env python3
"""Time and memory of the comparison pass against plain inference and the reference debugger.

usage: bench.py [--quick]      prints a markdown table

Every number is a child process of its own: wall time of the pass as the child reports it
(loading and setting up left out on both sides), wall and processor time of the whole process,
peak memory as the kernel counts it. Runs that are compared alternate; medians are shown. Plain
inference uses the same engine, options, threads and samples (tests/bench/plain.c). The budget of
the pass is judged by the pass; on a busy machine the ratio of processor times is steadier.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
QDEBUG = os.path.abspath(os.environ.get("QDEBUG", BUILD / "qdebug"))
PLAIN = BUILD / "obj" / "tests" / "bench" / "plain"
THREADS = os.environ.get("THREADS", str(os.cpu_count()))
INPUTS = {"det": "det640", "rec": "rec", "cls": "cls"}
MB = 1 << 20

# model, samples, rounds, does the reference debugger fit?
PASSES = [("det", 6, 3, True), ("det", 16, 1, False), ("rec", 16, 3, True), ("rec", 64, 1, False),
          ("cls", 128, 5, True), ("cls", 800, 3, False)]
MEMORY = ("cls", 8, 800)


class Run:
    def __init__(self, inner, wall, cpu, rss):
        self.inner, self.wall, self.cpu, self.rss = inner, wall, cpu, rss

    def times(self):
        return f"{self.inner:.2f}, {self.wall:.2f}, {self.cpu:.2f} s"


def child(args):
    """Runs a process: (wall and processor seconds, peak bytes), text; None when it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        begin = time.monotonic()
        process = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        process.returncode = status
        out.seek(0)
        errors.seek(0)
        text, why = out.read().decode(), errors.read().decode()
    if status:
        print(f"bench: {pathlib.Path(str(args[0])).name} failed: {why.strip()[-400:]}",
              file=sys.stderr)
        return None
    return (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024), text


def files(model, n):
    folder = BUILD / "models" / model
    return folder / "pre.onnx", folder / "pre.s8s8.onnx", BUILD / "data" / INPUTS[model], n


def plain(model, n, level, how="inside"):
    f, q, data, n = files(model, n)
    done = child([PLAIN, f, q, data, n, THREADS, level, how])
    if done is None:
        sys.exit(1)
    return Run(float(done[1].split()[3]), *done[0])


def compare(model, n, observer, *options):
    f, q, data, n = files(model, n)
    with tempfile.TemporaryDirectory() as tmp:
        done = child([QDEBUG, f, q, "--data", data, "--samples", n, "--observe", observer,
                      "--threads", THREADS, "--report", "json", "--store", f"{tmp}/bench.qdb",
                      *(options or ("--keep-activations", "none"))])
    if done is None:
        sys.exit(1)
    return Run(json.loads(done[1])["run"]["seconds"], *done[0])


def debugger(model, n):
    f, q, data, n = files(model, n)
    done = child([sys.executable, ROOT / "tests" / "bench" / "debugger.py", f, q, data, n])
    return done and Run(float(done[1].split()[1]), *done[0])


def medians(runs):
    return Run(*(statistics.median(getattr(r, k) for r in runs)
                 for k in ("inner", "wall", "cpu", "rss")))


def alternate(rounds, *jobs):
    """Each job once a round; medians in the order of the jobs."""
    done = [[] for _ in jobs]
    for _ in range(rounds):
        for runs, job in zip(done, jobs):
            runs.append(job())
    return [medians(runs) for runs in done]


def row(what, ours, theirs, seconds, memory, budget, met):
    mark = {True: "met", False: "NOT met", None: ""}[met]
    print(f"| {what} | {ours.times()} | {theirs.times()} | {seconds} | {ours.rss / MB:.0f} MB "
          f"| {theirs.rss / MB:.0f} MB | {memory} | {budget} | {mark} |", flush=True)


def ratios(a, b):
    return ", ".join(f"{getattr(a, k) / getattr(b, k):.2f}" for k in ("inner", "wall", "cpu"))


NAMES = {"det": "detector 640×640", "rec": "recogniser", "cls": "classifier"}


def against_flight(what, ours, theirs):
    row(f"{what}, deployed, against plain with as many samples in flight", ours, theirs,
        ratios(ours, theirs), f"{ours.rss / theirs.rss:.2f}", "", None)


def against_plain(what, ours, theirs, observer):
    time_ok = ours.inner <= 1.3 * theirs.inner
    limit = 1.5 * theirs.rss + 32 * MB
    row(f"{what}, {observer}, against plain", ours, theirs,
        ratios(ours, theirs), f"{ours.rss / theirs.rss:.2f}", f"≤ 1.3×, ≤ {limit / MB:.0f} MB",
        time_ok and ours.rss <= limit)


def against_debugger(what, ours, theirs, binding):
    if theirs is None:
        print(f"| {what}, reference debugger | | not run: does not fit in 16 GB | | | | | | |")
        return
    faster, smaller = theirs.inner / ours.inner, theirs.rss / ours.rss
    row(f"{what}, deployed, against the reference debugger", ours, theirs,
        "1 / " + ratios(theirs, ours), f"1 / {smaller:.0f}",
        "≥ 15× faster, ≥ 50× less" if binding else "", (faster >= 15 and smaller >= 50)
        if binding else None)


def passes(model, n, rounds, fits):
    what = f"{NAMES[model]}, {n} samples"
    all_, dis, flight, dep, ref = alternate(
        rounds, lambda: plain(model, n, "all"), lambda: plain(model, n, "disable"),
        lambda: plain(model, n, "all", "flight"),
        lambda: compare(model, n, "deployed"), lambda: compare(model, n, "reference"))
    against_plain(what, dep, all_, "deployed")
    against_flight(what, dep, flight)
    against_plain(what, ref, dis, "reference")
    if fits:
        against_debugger(what, dep, debugger(model, n), model == "det")


def memory(model, few, many):
    a, b = alternate(3, lambda: compare(model, few, "deployed"),
                     lambda: compare(model, many, "deployed"))
    change = b.rss / a.rss - 1
    print(f"| {NAMES[model]}, memory at {few} and at {many} samples | {a.times()} | "
          f"{b.times()} | | {a.rss / MB:.0f} MB "
          f"| {b.rss / MB:.0f} MB | {change:+.1%} | < 5 % | "
          f"{'met' if abs(change) < .05 else 'NOT met'} |", flush=True)


def kept(model, n):
    a, b = alternate(3, lambda: compare(model, n, "deployed"),
                     lambda: compare(model, n, "deployed", "--keep-activations", "worst"))
    row(f"{NAMES[model]}, {n} samples, worst activations kept, against none kept", b, a,
        ratios(b, a), f"{b.rss / a.rss:.2f}", "", None)


def quantize(model, n, calibrator, *options):
    """`qdebug quantize`: wall time of the whole process stands for the pass too."""
    f, _, data, n = files(model, n)
    with tempfile.TemporaryDirectory() as tmp:
        done = child([QDEBUG, "quantize", f, "-o", f"{tmp}/out.onnx", "--data", data, "--samples", n, "--threads",
                      THREADS, "--calibrator", calibrator, "-q", *options])
    if done is None:
        sys.exit(1)
    return Run(done[0][0], *done[0])


def reference_quantizer(model, n, calibrator):
    f, _, data, n = files(model, n)
    done = child([sys.executable, ROOT / "tests" / "bench" / "quantizer.py", f, data, n, calibrator])
    return done and Run(float(done[1].split()[-1]), *done[0])


def float_pass(model, n):
    """Plain unoptimized inference of the float model alone: run as both models, halved."""
    f, _, data, n = files(model, n)
    done = child([PLAIN, f, f, data, n, THREADS, "disable", "inside"])
    run = Run(float(done[1].split()[3]) / 2, *done[0])
    run.wall, run.cpu = run.wall / 2, run.cpu / 2
    return run


def calibration():
    ours, theirs = quantize("rec", 64, "Entropy"), reference_quantizer("rec", 64, "Entropy")
    if theirs:
        row("recogniser, 64 samples, Entropy quantization, against the reference quantizer", ours, theirs,
            "1 / " + ratios(theirs, ours), f"1 / {theirs.rss / ours.rss:.0f}", "≥ 8× faster, < 250 MB",
            theirs.wall >= 8 * ours.wall and ours.rss < 250 * MB)
    for calibrator, budget in (("MinMax", 1.2), ("Percentile", 2.6)):
        ours, plain_float = alternate(3, lambda: quantize("rec", 64, calibrator), lambda: float_pass("rec", 64))
        row(f"recogniser, 64 samples, {calibrator} quantization, against plain float inference", ours, plain_float,
            ratios(ours, plain_float), f"{ours.rss / plain_float.rss:.2f}", f"≤ {budget}×",
            ours.inner <= budget * plain_float.inner)
    few, many = quantize("cls", 8, "Entropy"), quantize("cls", 800, "Entropy")
    change = many.rss / few.rss - 1
    row("classifier, Entropy quantization at 8 and at 800 samples", few, many, "", f"{change:+.1%}", "flat",
        abs(change) < .05)
    with tempfile.TemporaryDirectory() as tmp:
        first = quantize("rec", 64, "MinMax", "--store", f"{tmp}/kept.qdb")
        again = quantize("rec", 64, "Percentile", "--store", f"{tmp}/kept.qdb")
    row("recogniser, 64 samples, another calibrator from the store, against the first one", again, first,
        ratios(again, first), "", "< 1 s", again.wall < 1)


def main():
    quick = "--quick" in sys.argv
    print(f"{THREADS} threads everywhere: the program has as many samples in flight, plain inference runs one\n"
          "sample after the other with as many engine threads, as the engine is used by default (the rows\n"
          "`in flight` say what it takes when it does as the program does); the reference debugger uses all\n"
          "cores. Times and their ratios: the pass itself, the whole "
          "process, its processor time. `deployed` is measured\nagainst plain inference at full "
          "optimization, `reference` against plain inference without.\n")
    print("| what | time | the other's time | ratio | peak | the other's peak | ratio | budget | |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for model, n, rounds, fits in PASSES:
        if not quick or rounds > 1:
            passes(model, n, 1 if quick else rounds, fits)
    memory(*MEMORY)
    kept("cls", 128)
    calibration()


if __name__ == "__main__":
    main()
