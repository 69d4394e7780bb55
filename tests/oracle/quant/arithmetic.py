"""Scales, zero points, codes and biases of src/quant against the reference's functions."""
import logging
import warnings

import numpy as np
import onnx
from onnx import TensorProto as T, numpy_helper
from onnxruntime.quantization import quant_utils as qu
from onnxruntime.quantization.base_quantizer import BaseQuantizer
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from probe import F16, F32, NP, Batch, line, same, tensor

INTS = [T.UINT8, T.INT8, T.UINT16, T.INT16, T.UINT4, T.INT4]
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)


def real_value(rng, r):
    kind = rng.integers(8)
    if kind == 0:
        return r(0)
    if kind == 1:
        return r(rng.normal() * 2.0 ** rng.integers(-149, -100) if r is np.float32
                 else rng.normal() * 2.0 ** rng.integers(-24, -12))
    if kind == 2:
        top = 3.4e38 if r is np.float32 else 65504
        return r(rng.uniform(-top, top))
    if kind == 3:
        return r(rng.integers(-300, 300))
    return r(rng.normal() * 10.0 ** rng.uniform(-6, 4))


def min_real_range(rng):
    return [None, None, 0.0001, 1e-30, 0.3, 7.0][rng.integers(6)]


def scales(rng, n):
    b = Batch()
    for _ in range(n):
        real = F32 if rng.integers(3) else F16
        r = NP[real]
        lo, hi = sorted([real_value(rng, r), real_value(rng, r)])
        q, sym, red, mrr = INTS[rng.integers(6)], bool(rng.integers(2)), not rng.integers(3), min_real_range(rng)
        qmin, qmax = qu.get_qmin_qmax_for_qType(q, reduce_range=red, symmetric=sym)
        zp, s = qu.compute_scale_zp(np.array(lo), np.array(hi), qmin, qmax, sym, mrr)
        want = (int(zp), float(s))

        def check(a, want=want, case=(q, sym, red, mrr, real, lo, hi)):
            rc, rest = a.line()
            if rc:
                return f"{case}: {rest}"
            z, s = rest.split()
            if (int(z), float.fromhex(s)) != want:
                return f"{case}: {z} {float.fromhex(s)!r}, wanted {want}"
        b.add(line("S", q, sym, red, mrr or 0, real, lo, hi), check)
    return b.run()


def snapped(rng, n):
    b = Batch()
    for _ in range(n):
        lo, hi = sorted([real_value(rng, np.float32), real_value(rng, np.float32)])
        red, mrr = not rng.integers(3), min_real_range(rng)
        qmin, qmax = qu.get_qmin_qmax_for_qType(T.UINT8, reduce_range=red, symmetric=False)
        zp, s = qu.snap_zero_point_to_uint8(lo, hi, qmin, qmax, mrr)
        want = (int(zp), float(s))

        def check(a, want=want, case=(red, mrr, lo, hi)):
            rc, rest = a.line()
            z, s = rest.split() if not rc else (0, "0x0p0")
            if want[1] == 0:        # the deviation: no scale of 0
                return None if not rc and float.fromhex(s) > 0 else f"{case}: scale 0"
            if rc or (int(z), float.fromhex(s)) != want:
                return f"{case}: {rc} {rest}, wanted {want}"
        b.add(line("P", T.UINT8, False, red, mrr or 0, lo, hi), check)
    return b.run()


def fp8_scales(rng, n):
    b = Batch()
    for _ in range(n):
        real = F32 if rng.integers(2) else F16
        std = abs(NP[real](rng.normal() * 10 ** rng.uniform(-2, 3)))
        _, s = qu.compute_scale_zp_float8(T.FLOAT8E4M3FN, std)
        want = float(s)

        def check(a, want=want, std=std):
            rc, rest = a.line()
            if rc or float.fromhex(rest.split()[1]) != want:
                return f"std {std!r}: {rc} {rest}, wanted {want!r}"
        b.add(line("F", real, std), check)
    return b.run()


def any_weight(rng, real, rank=None):
    rank = int(rng.integers(1, 5)) if rank is None else rank
    dims = rng.integers(1, [0, 700, 40, 12, 7][rank] if rank else 2, size=rank)
    if not rng.integers(30):
        dims[rng.integers(rank)] = 0
    w = rng.normal(size=dims) * 10.0 ** rng.uniform(-6, 3)
    kind = rng.integers(6)
    if kind == 0:
        w = np.abs(w)
    elif kind == 1:
        w = np.zeros_like(w)
    elif kind == 2:
        w = np.round(w * 4) / 8     # ties
    return w.astype(NP[real])


def params_and_codes(w, q, sym, red, mrr, axis, overrides):
    """What QDQQuantizer does with an initializer."""
    if axis < 0:
        o = overrides[0] if overrides else {}
        zp, s = qu.compute_data_quant_params(w.flatten(), q, sym, red, mrr, **o)
    else:
        z, ss = [], []
        for i in range(w.shape[axis]):
            o = overrides[i] if i < len(overrides) else {}
            zp, s = qu.compute_data_quant_params(w.take(i, axis).ravel(), q, sym, red, mrr, **o)
            z.append(zp)
            ss.append(s)
        zp, s = np.asarray(z), np.asarray(ss)
    return zp, s


def stored(w, q, zp, s, axis, block):
    t = qu.quantize_onnx_initializer(numpy_helper.from_array(w, "w"), q, zp, s,
                                     None if axis < 0 else axis, block_size=block)
    return np.frombuffer(t.raw_data, np.uint8)


def weight_check(case, zp, s, raw):
    def check(a):
        rc, rest = a.line()
        if rc:
            return f"{case}: {rest}"
        n, size = map(int, rest.split())
        got_s, got_z, got = a.array(n, np.float32), a.array(n, np.int32), a.array(size, np.uint8)
        if not same(got_s, np.asarray(s).ravel().astype(np.float32)):
            return f"{case}: scales {got_s[:5]}, wanted {np.asarray(s).ravel()[:5]}"
        if not same(got_z, np.asarray(zp).ravel().astype(np.float32).astype(np.int32)):
            return f"{case}: zero points {got_z[:5]}, wanted {np.asarray(zp).ravel()[:5]}"
        if not same(got, raw):
            return f"{case}: {np.sum(got != raw) if got.shape == raw.shape else 'all'} codes differ"
    return check


def weights(rng, n):
    b = Batch()
    for _ in range(n):
        real = F32 if rng.integers(3) else F16
        w = any_weight(rng, real)
        q, sym, red, mrr = INTS[rng.integers(6)], bool(rng.integers(2)), not rng.integers(3), min_real_range(rng)
        axis = int(rng.integers(-1, w.ndim))
        if axis >= 0 and not w.size:
            continue
        overrides = [{}] * int(rng.integers(3)) if not rng.integers(4) else []
        overrides = [{"rmin_override": float(rng.normal() - 1), "rmax_override": float(rng.normal() + 1)}
                     for _ in overrides]
        overrides = [o for o in overrides if o["rmin_override"] < o["rmax_override"]]
        if axis < 0:
            overrides = overrides[:1]
        zp, s = params_and_codes(w, q, sym, red, mrr, axis, overrides)
        raw = stored(w, q, zp, s, axis, 0) if w.size else np.zeros(0, np.uint8)
        limits = np.array([list(o.values()) for o in overrides], np.float64)
        b.add(line("W", q, sym, red, mrr or 0, axis, 0, len(overrides), *tensor(w)) + w.tobytes() + limits.tobytes(),
              weight_check((q, sym, red, mrr, real, w.shape, axis, overrides), zp, s, raw))
    return b.run()


def blocks(rng, n):
    b = Batch()
    for _ in range(n):
        real = F32 if rng.integers(3) else F16
        w = any_weight(rng, real, 2)
        if not w.size:
            continue
        q, sym = INTS[rng.integers(6)], bool(rng.integers(2))
        axis, block = int(rng.integers(2)), int(rng.integers(1, 50))
        zp, s = qu.compute_scale_zp_blocked(w, q, axis, block, sym)
        raw = stored(w, q, zp, s, axis, block)
        b.add(line("W", q, sym, 0, 0, axis, block, 0, *tensor(w)) + w.tobytes(),
              weight_check((q, sym, real, w.shape, axis, block), zp, s, raw))
    return b.run()


def fp8_weights(rng, n):
    b = Batch()
    for _ in range(n):
        w = any_weight(rng, F32)
        if w.size < 2 or not np.any(w):
            continue
        axis = int(rng.integers(-1, w.ndim))
        if axis >= 0 and w.size == w.shape[axis]:
            continue                # deviations of 0
        zp, s = params_and_codes(w, T.FLOAT8E4M3FN, False, False, None, axis, [])
        if not np.all(s):
            continue                # deviations of 0, where we have a scale of 1
        if axis >= 0:
            zp = np.zeros(len(s), np.float32)
            parts = [np.asarray(qu.quantize_nparray(T.FLOAT8E4M3FN, w.take(i, axis).ravel(), s[i], np.array(0)))
                     .view(np.uint8) for i in range(len(s))]
            shape = list(w.shape)
            shape[axis] = 1
            raw = np.concatenate([p.reshape(shape) for p in parts], axis).ravel()
        else:
            raw = np.asarray(qu.quantize_nparray(T.FLOAT8E4M3FN, w.ravel(), s, zp)).view(np.uint8)
        b.add(line("W", T.FLOAT8E4M3FN, 0, 0, 0, axis, 0, 0, *tensor(w)) + w.tobytes(),
              weight_check((w.shape, axis), zp, s, raw))
    return b.run()


def codes(rng, n):
    """Any scale and zero point, saturation and infinities."""
    b = Batch()
    for _ in range(n):
        real = F32 if rng.integers(3) else F16
        w = any_weight(rng, real, 1)
        if not w.size:
            continue
        w[rng.integers(w.size, size=3)] = [np.inf, -np.inf, 0]
        fp8 = not rng.integers(4)
        q = T.FLOAT8E4M3FN if fp8 else INTS[rng.integers(6)]
        s = np.array(abs(rng.normal()) * 10.0 ** rng.uniform(-4, 1) + 1e-6, w.dtype)
        if s == 0:
            continue
        if fp8:
            zp = np.array(0, qu.ONNX_TYPE_TO_NP_TYPE[q])
        else:
            qmin, qmax = qu.get_qmin_qmax_for_qType(q)
            zp = np.array(rng.integers(int(qmin), int(qmax) + 1), qmin.dtype)
        got = np.asarray(qu.quantize_nparray(q, w, s, zp))
        raw = got.view(np.uint8)
        if q in (T.INT4, T.UINT4):
            raw = np.frombuffer(bytes(qu.pack_bytes_to_4bit(got.tobytes())), np.uint8)
        b.add(line("Q", q, s, int(float(zp)), *tensor(w)) + w.tobytes(),
              code_check((q, real, s, zp), raw))
    return b.run()


def code_check(case, raw):
    def check(a):
        rc, rest = a.line()
        if rc:
            return f"{case}: {rest}"
        n, size = map(int, rest.split())
        a.array(n, np.float32), a.array(n, np.int32)
        got = a.array(size, np.uint8)
        if not same(got, raw):
            return f"{case}: codes differ"
    return check


# --- biases ----------------------------------------------------------------------------------

class Host:
    """As much of a quantizer as the two methods need."""
    weight_qType = T.INT8
    quantize_bias_static_impl = BaseQuantizer.quantize_bias_static_impl
    quantize_bias_static = QDQQuantizer.quantize_bias_static

    def __init__(self, bias, scales):
        self.tensors, self.scales, self.quantized_value_map = [bias], scales, {}
        self.model = self

    def initializer(self):
        return self.tensors

    def initializer_extend(self, more):
        self.tensors += more

    def _get_tensor_quantization_scale(self, name, _):
        return self.scales[name]


class Info:
    input_name, weight_name, node_name = "x", "w", "n"

    def __init__(self, beta):
        self.beta = beta


def any_bias(rng, real, n):
    bias = rng.normal(size=n) * 10.0 ** rng.uniform(-6, 4)
    if not rng.integers(6):
        bias[rng.integers(n)] = 0
    return np.clip(bias, -60000, 60000).astype(NP[real])


def any_scale(rng, real, shape):
    low = -12 if real == F32 else -6
    return np.maximum(np.abs(rng.normal(size=shape)) * 10.0 ** rng.uniform(low, 0), 1e-12 if real == F32 else 1e-7) \
        .astype(NP[real])


def biases(rng, n):
    b = Batch()
    for _ in range(n):
        real = F32 if rng.integers(2) else F16
        xr, wr = (real, real) if rng.integers(5) else (F32, real)
        size = int(rng.integers(1, 9))
        per = bool(rng.integers(2))
        bias, x, w = any_bias(rng, real, size), any_scale(rng, xr, ()), any_scale(rng, wr, (size,) if per else ())
        if not np.all(x) or not np.all(w):
            continue
        beta = float(np.float32([1, 1, 1, 0, 0.5, 0.3][rng.integers(6)]))
        host = Host(numpy_helper.from_array(bias, "b"), {"x": x, "w": w})
        host.quantize_bias_static("b", Info(beta))
        q, s = (numpy_helper.to_array(t) for t in host.tensors[1:3])

        def check(a, q=q, s=s, case=(real, xr, wr, bias, x, w, beta)):
            rc, rest = a.line()
            if rc:
                return f"{case}: {rest}"
            got_real = int(rest.split()[0])
            got_s, got_q = a.array(s.size, np.float32), a.array(q.size, np.int32)
            if NP[got_real] is not s.dtype.type or not same(got_s, s.astype(np.float32)):
                return f"{case}: scales {got_s}, wanted {s!r}"
            if not same(got_q, q):
                return f"{case}: codes {got_q}, wanted {q}"
        b.add(line("B", x, xr, w.size, wr, beta, 1, *tensor(bias)) + bias.tobytes()
              + w.astype(np.float32).tobytes(), check)
    return b.run()


def adjusted(rng, n):
    b = Batch()
    for _ in range(n):
        real = F32 if rng.integers(2) else F16
        size, per = int(rng.integers(1, 9)), bool(rng.integers(2))
        bias, x, w = any_bias(rng, real, size), any_scale(rng, real, ()), any_scale(rng, real, (size,) if per else ())
        before = w.copy()
        did, new = QDQQuantizer._adjust_weight_scale_for_int32_bias(
            None, x, w, "w", numpy_helper.from_array(bias, "b"), per)

        def check(a, did=did, new=np.array(new), case=(real, per, bias, x, before)):
            rc, rest = a.line()
            if rc:
                return f"{case}: {rest}"
            got = a.array(new.size, np.float32)
            if not same(got, new.ravel().astype(np.float32)) or bool(int(rest)) != did:
                return f"{case}: {got}, wanted {new!r}"
        b.add(line("A", x, real, per, before.size, *tensor(bias)) + bias.tobytes()
              + before.astype(np.float32).tobytes(), check)
    return b.run()


def refused(_rng, _n):
    """Numbers that are none are errors that say so."""
    b = Batch()

    def check(words):
        def f(a):
            rc, rest = a.line()
            if rc != -2 or words not in rest:
                return f"status {rc}: {rest}; wanted '{words}'"
        return f
    for v in (np.nan, np.inf, -np.inf):
        b.add(line("S", T.UINT8, 0, 0, 0, F32, -1.0, float(v)), check("not finite"))
        w = np.array([[1, 2], [3, v]], np.float32)
        word = "NaN" if np.isnan(v) else "infinity"
        b.add(line("W", T.INT8, 1, 0, 0, 0, 0, 0, *tensor(w)) + w.tobytes(), check(f"value 3 is {'-' if v < 0 else ''}{word}"))
        b.add(line("B", 1.0, F32, 1, F32, 1.0, 1, F32, 1, 2) + np.array([0, v], np.float32).tobytes()
              + np.float32(1).tobytes(), check("value 1 of the bias"))
    b.add(line("F", F32, float("nan")), check("deviation"))
    return b.run()


TESTS = [(scales, 20000), (snapped, 5000), (fp8_scales, 500), (weights, 3000), (blocks, 600), (fp8_weights, 300),
         (codes, 1500), (biases, 3000), (adjusted, 3000), (refused, 1)]
