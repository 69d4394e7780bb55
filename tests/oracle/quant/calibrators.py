"""Collection and calibrators of src/quant against the reference's, from the same activations."""
import contextlib
import io
import pathlib
import tempfile

import numpy as np
from onnxruntime.quantization import calibrate as rc

from probe import F16, F32, NP, Batch, line, same

MINMAX, ENTROPY, PERCENTILE, DISTRIBUTION, ENTROPY_KL = range(5)
DEFAULT = dict(symmetric=False, moving=False, constant=0.01, bins=128, levels=128, percentile=99.999, scenario="same")


def activations(rng, r):
    """Some samples of different sizes."""
    n = int(rng.integers(1, 7))
    scale = 10.0 ** rng.uniform(-4, 4 if r is np.float32 else 3)
    kind = rng.integers(9)
    out = []
    for _ in range(n):
        size = int(rng.integers(1, [50, 3000, 30000][rng.integers(3)]))
        x = rng.normal(size=size) * scale
        if kind == 0:
            x = np.maximum(x, 0)
        elif kind == 1:
            x = np.full(size, scale)
        elif kind == 2:
            x = np.zeros(size)
        elif kind == 3:
            x = x * (1 + 30 * (rng.random(size) < 0.001))
        elif kind == 4:
            x = np.round(x / scale * 8) * scale / 64        # many on edges
        elif kind == 5:
            x = 3 * scale + x * 0.01
        elif kind == 6:
            x = np.exp(rng.normal(size=size)) * scale
        if not rng.integers(3):
            x = x * rng.uniform(0.1, 4)
        out.append(np.clip(x, -6e4, 6e4).astype(r))
    return out


def request(method, o, stored, stride, split, real, samples):
    return line("C", method, o["symmetric"], o["moving"], o["constant"], o["bins"], o["levels"], o["percentile"],
                o["scenario"] == "p3", stored, stride, split, real, len(samples), *(s.size for s in samples)) \
        + b"".join(s.tobytes() for s in samples)


class Answer:
    """lo, hi, avg, std and both histograms; `error` instead when there is one."""

    def __init__(self, a):
        status, rest = a.line()
        self.error = rest if status else None
        if status:
            return
        words = rest.split()
        self.lo, self.hi, self.avg, self.std = map(float.fromhex, words[:4])
        n, m = map(int, words[4:])
        self.value = a.array(n, np.int64), a.array(n + 1 if n else 0, np.float32)
        self.magnitude = a.array(m, np.int64), a.array(m + 1 if m else 0, np.float32)


def collector(method, o, samples, stride):
    """The reference's, fed window by window; None when it refuses the data."""
    name = {ENTROPY: "entropy", ENTROPY_KL: "entropy", PERCENTILE: "percentile", DISTRIBUTION: "distribution"}[method]
    c = rc.HistogramCollector(name, o["symmetric"], o["bins"], o["levels"], o["percentile"], o["scenario"])
    per = stride or len(samples)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            for i in range(0, len(samples), per):
                c.collect({"t": np.concatenate(samples[i:i + per])})
            return c, c.compute_collection_result()["t"]
    except (ValueError, MemoryError, IndexError, AssertionError):
        return c, None


def close(mine, ref):
    """For p3. Of constants the deviation is what cancellation leaves, or not even that."""
    noise = 2e-3 * abs(ref[2])
    return same(mine[:2], ref[:2]) and np.isclose(mine[2], ref[2], rtol=1e-5, atol=1e-5 * abs(ref[1])) and (
        abs(mine[3] - ref[3]) <= 1e-5 * ref[3] + 1e-6 * ref[2] ** 2 / ref[3] or not (mine[3] > noise or ref[3] > noise))


def histogram_case(batch, rng, method, o, real, stored=0, samples=None):
    samples = samples or activations(rng, NP[real])
    stride = int(rng.integers(1, len(samples) + 1)) if not stored and rng.integers(2) else 0
    whole = np.concatenate(samples)
    c, want = collector(method, o, samples, stride)
    magnitude = method == PERCENTILE and o["symmetric"]
    case = (method, o, real, [s.size for s in samples], stride, stored)

    def check(a):
        got = Answer(a)
        if want is None:        # refused by the reference: too narrow, here the range of the data
            if got.error:
                return None if method == DISTRIBUTION or "bins" in got.error else f"{case}: {got.error}"
            return None if whole.min() <= got.lo <= got.hi <= whole.max() or stride else f"{case}: {got.lo} {got.hi}"
        if got.error:
            return f"{case}: {got.error}"
        if not stored:
            count, edge = got.magnitude if magnitude else got.value
            hist = c.histogram_dict["t"]
            if not same(count, hist[0]):
                return f"{case}: counts differ ({count.size}, {hist[0].size})"
            if not same(edge, hist[1].astype(np.float32)):
                return f"{case}: edges differ"
        if method == DISTRIBUTION:
            ref = tuple(float(np.ravel(v)[0]) for v in (*want.range_value, *want.avg_std))
            mine = (got.lo, got.hi, got.avg, got.std)
            ok = same(mine, ref) if o["scenario"] == "same" else close(mine, ref)
        else:
            mine, ref = (got.lo, got.hi), tuple(float(v) for v in want[:2])
            ok = same(mine, ref)
        return None if ok else f"{case}: {mine}, wanted {ref}"
    batch.add(request(method, o, stored, stride, rng.integers(2), real, samples), check)


def entropy(rng, n):
    b = Batch()
    for _ in range(n):
        bins = int([128, 130, 256, 64, 301][rng.integers(5)])
        o = dict(DEFAULT, bins=bins, levels=int(rng.integers(1, bins + 1)) if rng.integers(2) else min(bins, 32))
        histogram_case(b, rng, ENTROPY, o, F32)
    return b.run()


def entropy_default(rng, n):
    b = Batch()
    for _ in range(n):
        histogram_case(b, rng, ENTROPY, DEFAULT, F32)
        histogram_case(b, rng, ENTROPY, DEFAULT, F32, stored=2048)
    return b.run()


def entropy_of_2048_bins(rng, n):
    b = Batch()
    for _ in range(n):
        histogram_case(b, rng, ENTROPY_KL, dict(DEFAULT, bins=2048), F32, stored=2048)
    return b.run()


def percentile(rng, n):
    b = Batch()
    for _ in range(n):
        bins = int([2048, 2048, 100, 512][rng.integers(4)])
        o = dict(DEFAULT, bins=bins, symmetric=bool(rng.integers(2)),
                 percentile=float([99.999, 99.9, 99, 90, 50, 100, 0][rng.integers(7)]))
        histogram_case(b, rng, PERCENTILE, o, F32)
        if 2048 % bins == 0:
            histogram_case(b, rng, PERCENTILE, o, F32, stored=2048)
    return b.run()


def distribution(rng, n):
    b = Batch()
    for _ in range(n):
        o = dict(DEFAULT, bins=int([2048, 512, 600][rng.integers(3)]), scenario=["same", "p3"][rng.integers(2)])
        histogram_case(b, rng, DISTRIBUTION, o, F32)
    return b.run()


def float16_histograms(rng, n):
    b = Batch()
    for _ in range(n):
        method = int(rng.integers(1, 4))
        o = dict(DEFAULT, symmetric=bool(rng.integers(2)), bins=512 if method == DISTRIBUTION else 128, levels=64)
        histogram_case(b, rng, method, o, F16)
    return b.run()


def minmax(rng, n):
    """compute_data() of MinMaxCalibrater, window by window."""
    b = Batch()
    for _ in range(n):
        real = F32 if rng.integers(3) else F16
        samples = activations(rng, NP[real])
        if not rng.integers(3):
            samples = [s[:1] for s in samples * int(rng.integers(1, 60))]       # long means
        o = dict(DEFAULT, symmetric=bool(rng.integers(2)), moving=bool(rng.integers(2)) and real == F32,
                 constant=float(rng.random()))
        stride = int(rng.integers(1, len(samples) + 1)) if rng.integers(2) else 0
        c = rc.MinMaxCalibrater.__new__(rc.MinMaxCalibrater)
        c.symmetric, c.moving_average, c.averaging_constant = o["symmetric"], o["moving"], o["constant"]
        c.calibrate_tensors_range, c.num_model_outputs, c.model_original_outputs = None, 0, set()

        class Out:
            def __init__(self, name):
                self.name = name
        c.infer_session = type("S", (), {"get_outputs": lambda _: [Out("t_ReduceMin"), Out("t_ReduceMax")]})()
        per = stride or len(samples)
        for i in range(0, len(samples), per):
            c.intermediate_outputs = [[s.min(keepdims=True), s.max(keepdims=True)] for s in samples[i:i + per]]
            c.compute_data()
        want = tuple(float(np.ravel(v)[0]) for v in c.calibrate_tensors_range["t"].range_value)

        def check(a, want=want, case=(o, real, len(samples), stride)):
            got = Answer(a)
            if got.error or not same((got.lo, got.hi), want):
                return f"{case}: {got.error or (got.lo, got.hi)}, wanted {want}"
        b.add(request(MINMAX, o, 0, stride, rng.integers(2), real, samples), check)
    return b.run()


def refused(rng, _):
    b = Batch()

    def check(words):
        return lambda a: (lambda got: None if got.error and words in got.error else f"{got.error}, not '{words}'")(Answer(a))
    for v, word in ((np.nan, "1 of its 3 values are NaN"), (-np.inf, "1 of its 3 values are infinite")):
        for method in range(4):
            o = dict(DEFAULT, bins=2048)
            b.add(request(method, o, 0, 0, 0, F32, [np.array([1, v, 2], np.float32)]), check(word))
    b.add(request(MINMAX, DEFAULT, 0, 0, 0, F32, []), check("no data"))
    return b.run()


def caches(rng, _):
    """A cache of the reference, read and written by us, says the same to the reference."""
    f = np.float32
    hist, edges = np.histogram(rng.normal(size=1000).astype(f), 128)
    files = {
        "MinMax": {"a": dict(lowest=np.array([f(-1.5)]), highest=np.array([f(0.1)])),
                   'we"ird\\né': dict(lowest=np.array([np.float16(-0.1)]), highest=np.array([np.float16(3)]))},
        "Entropy": {"a": dict(lowest=f(-1), highest=f(12), hist=hist, bins=edges.astype(f))},
        "Percentile": {"a": dict(lowest=f(0), highest=np.array(f(0.3)), hist=hist[0], bins=hist[1])},
        "Distribution": {"a": dict(avg=np.array(f(0.1)), std=np.array(f(np.nan)), hist=hist, hist_edges=edges.astype(f),
                                   lowest=f(-1), highest=f(1e-30))},
    }
    bad = []
    with tempfile.TemporaryDirectory() as tmp:
        for method, data in files.items():
            m = rc.CalibrationMethod[method]
            old, new = pathlib.Path(tmp, "old"), pathlib.Path(tmp, "new")
            rc.save_tensors_data(rc.TensorsData(m, {k: rc.TensorData(**v) for k, v in data.items()}), old,
                                 smooth_quant=method == "Entropy")
            b = Batch()
            b.add(f"R {old}\t{new}\n".encode(), lambda a: (lambda r: r[1] if r[0] else None)(a.line()))
            bad += list(b.run())
            if bad:
                continue
            x, y = rc.load_tensors_data(old), rc.load_tensors_data(new)
            if x.calibration_method is not y.calibration_method or list(x.keys()) != list(y.keys()):
                bad.append(f"{method}: other keys")
            for k in x.keys():
                for attr in ("lowest", "highest") + (("avg", "std") if method == "Distribution" else ()):
                    u, v = getattr(x[k], attr), getattr(y[k], attr)
                    if u.dtype != v.dtype or u.shape != v.shape or not same(u, v):
                        bad.append(f"{method} {k} {attr}: {v!r}, wanted {u!r}")
    return bad


TESTS = [(minmax, 2000), (entropy_default, 300), (entropy, 200), (entropy_of_2048_bins, 6), (percentile, 600),
         (distribution, 400), (float16_histograms, 300), (refused, 1), (caches, 1)]
