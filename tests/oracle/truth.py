"""Every metric of a report computed again, in float64 with NumPy, from tensors that the engine's
Python package reads from the two files. Independent of the program: shares no code with it."""
import math

import numpy as np

from common import DQ_OPS, Graph, Quantizer, Tensors, close, close_db, db, load_graph


class Sums:
    """Pooled over samples."""

    def __init__(self):
        self.n = self.x2 = self.y2 = self.xy = self.e2 = 0
        self.max_e, self.lo, self.hi = 0.0, math.inf, -math.inf
        self.bad_x = self.bad_y = 0
        self.n_local = self.clipped = self.local_e2 = self.steps2 = 0
        self.codes = set()
        self.p2 = self.pe2 = self.n_pre = 0
        self.ratio = []     # e2 / x2 of each sample

    def pair(self, x, y):
        x, y = (np.asarray(v, np.float64).ravel() for v in (x, y))
        good = np.isfinite(x) & np.isfinite(y)
        self.bad_x += int((~np.isfinite(x)).sum())
        self.bad_y += int((~np.isfinite(y)).sum())
        x, y = x[good], y[good]
        e = x - y
        x2, e2 = float(x @ x), float(e @ e)
        self.n += x.size
        self.x2 += x2
        self.e2 += e2
        self.y2 += float(y @ y)
        self.xy += float(x @ y)
        self.ratio.append(0.0 if e2 == 0 else e2 / x2 if x2 else math.inf)
        if x.size:
            self.max_e = max(self.max_e, float(np.abs(e).max()))
            self.lo, self.hi = min(self.lo, float(x.min())), max(self.hi, float(x.max()))

    def local(self, quantizer, x):
        raw, codes, back = quantizer.apply(x)
        e = (x.astype(np.float64) - back.astype(np.float64)).ravel()
        self.n_local += e.size
        self.local_e2 += float(e @ e)
        steps = (e.reshape(x.shape) / quantizer.broadcast(quantizer.scale, x.shape)).ravel()
        self.steps2 += float(steps @ steps)
        self.clipped += int(((raw < quantizer.qmin) | (raw > quantizer.qmax)).sum())
        if quantizer.qmax - quantizer.qmin < 256:
            self.codes.update(np.unique(codes).astype(int).tolist())

    def pre(self, p, y):
        p, y = (np.asarray(v, np.float64).ravel() for v in (p, y))
        e = p - y
        self.n_pre += p.size
        self.p2 += float(p @ p)
        self.pe2 += float(e @ e)


def pair_complaints(row, s, tolerance_db=1e-4):
    """The fields that outputs, activations and weights share."""
    key = "xmodel_sqnr_db" if "xmodel_sqnr_db" in row else "sqnr_db"
    want = {
        "exact": s.e2 == 0 if s.n else None,
        "zero_signal": s.x2 == 0 and s.e2 > 0 if s.n else None,
    }
    for name, value in want.items():
        # of nothing at all, both null and false can be said
        if bool(row[name]) != bool(value):
            yield f"{name} is {row[name]}, not {value}"
    if not close_db(row[key], db(s.x2, s.e2), tolerance_db):
        yield f"{key} is {row[key]}, not {db(s.x2, s.e2)}"
    if not s.n:
        return
    if not close(row["mse"], s.e2 / s.n):
        yield f"mse is {row['mse']}, not {s.e2 / s.n}"
    if not close(row["max_abs_err"], s.max_e):
        yield f"max_abs_err is {row['max_abs_err']}, not {s.max_e}"
    if "cosine" in row:
        cosine = s.xy / math.sqrt(s.x2) / math.sqrt(s.y2) if s.x2 > 0 and s.y2 > 0 else None
        if not close(row["cosine"], cosine, tiny=1e-9):
            yield f"cosine is {row['cosine']}, not {cosine}"


def local_complaints(row, s, quantizer, tolerance_db=1e-4, rel=1e-6):
    if quantizer is None or not quantizer.static:
        for key in ("scale", "zero_point", "local_sqnr_db", "clipped_fraction", "codes_used"):
            if row[key] is not None:
                yield f"{key} is {row[key]} without a quantizer"
        return
    want_db = db(s.x2_local if hasattr(s, "x2_local") else s.x2, s.local_e2)
    if not close_db(row["local_sqnr_db"], want_db, tolerance_db):
        yield f"local_sqnr_db is {row['local_sqnr_db']}, not {want_db}"
    scalar = quantizer.scale.size == 1
    want = {
        "scale": float(quantizer.scale[0]) if scalar else quantizer.scale.astype(float).tolist(),
        "zero_point": int(quantizer.zp[0]) if scalar else quantizer.zp.tolist(),
        "scale_min": float(quantizer.scale.min()), "scale_max": float(quantizer.scale.max()),
        "zero_point_min": int(quantizer.zp.min()), "zero_point_max": int(quantizer.zp.max()),
        "qmin": quantizer.qmin, "qmax": quantizer.qmax,
        "clipped_fraction": s.clipped / s.n_local if s.n_local else None,
    }
    if s.n_local:
        want["rmse_over_scale"] = math.sqrt(s.steps2 / s.n_local)
    wide = quantizer.qmax - quantizer.qmin >= 256
    want["codes_used"] = None if wide else len(s.codes)
    want["codes_available"] = None if wide else quantizer.qmax - quantizer.qmin + 1
    for key, value in want.items():
        if not close(row[key], value, rel):
            yield f"{key} is {row[key]}, not {value}"


def range_complaints(row, s):
    if s.n and not (close(row["float_min"], s.lo) and close(row["float_max"], s.hi)):
        yield f"range is {row['float_min']} .. {row['float_max']}, not {s.lo} .. {s.hi}"
    for key, value in (("nonfinite_float", s.bad_x), ("nonfinite_quant", s.bad_y)):
        if row[key] != value:
            yield f"{key} is {row[key]}, not {value}"


class Activation:
    """One row, with what the two graphs say about it."""

    def __init__(self, row, fg, qg):
        self.row, self.s = row, Sums()
        dq = qg.behind(row["quant_tensor"])
        self.quantizer = None
        if dq is not None and dq.op_type in DQ_OPS:
            self.quantizer = Quantizer(qg, dq)
        self.pre = self.quantizer.q.input[0] if self.quantizer and self.quantizer.q else None
        self.bounds = None
        if self.pre:
            bounds = fg.clamp(fg.behind(row["tensor"]))
            maker = qg.behind(self.pre)
            if bounds and (maker is None or maker.op_type not in ("Relu", "Clip")):
                self.bounds = bounds

    def quant_names(self):
        return [n for n in (self.row["quant_tensor"], self.pre) if n]

    def feed(self, x, y, pre):
        x, y = np.asarray(x), np.asarray(y)
        self.s.pair(x, y)
        if self.quantizer and self.quantizer.static:
            self.s.local(self.quantizer, x)
        if pre is not None:
            p = np.asarray(pre, np.float32)
            self.s.pre(np.clip(p, *self.bounds) if self.bounds else p, y)

    def complaints(self, tolerance_db):
        row, s = self.row, self.s
        yield from pair_complaints(row, s, tolerance_db)
        yield from range_complaints(row, s)
        yield from local_complaints(row, s, self.quantizer, tolerance_db)
        want = db(s.p2, s.pe2) if self.pre else None
        if not close_db(row["qdq_sqnr_db"], want, tolerance_db):
            yield f"qdq_sqnr_db is {row['qdq_sqnr_db']}, not {want}"
        if row["observed"] != "reference":
            yield f"observed is {row['observed']}"
        if isinstance(row["worst_sample"], int) and s.ratio:
            k = row["worst_sample"]
            if not 0 <= k < len(s.ratio) or not close(s.ratio[k], max(s.ratio), 1e-6):
                yield f"worst_sample is {k}; error to signal of the samples: {s.ratio}"


def activations(report, fpath, qpath, feeds, tolerance_db=1e-4):
    """Complaints about all activation rows and outputs of a reference-observer report."""
    fg, qg = load_graph(fpath), load_graph(qpath)
    rows = [Activation(r, fg, qg) for r in report["activations"]]
    outputs = [(r, Sums()) for r in report["outputs"]]
    ftensors = Tensors(fpath, list(dict.fromkeys([r.row["tensor"] for r in rows] + fg.outputs)))
    qtensors = Tensors(qpath, list(dict.fromkeys([n for r in rows for n in r.quant_names()]
                                                 + qg.outputs)))
    decisions = {r["name"]: [0, 0] for r in report["outputs"]}
    for feed in feeds:
        fv, qv = ftensors.read(feed), qtensors.read(feed)
        for r in rows:
            r.feed(fv[r.row["tensor"]], qv[r.row["quant_tensor"]], qv[r.pre] if r.pre else None)
        for row, s in outputs:
            output_feed(row, s, fv[row["name"]],
                        qv[qg.outputs[fg.outputs.index(row["name"])]], decisions)
    for r in rows:
        for why in r.complaints(tolerance_db):
            yield f"{r.row['tensor']} ({r.row['quant_tensor']}): {why}"
    yield from output_complaints(outputs, decisions, tolerance_db)
    if [r["name"] for r in report["outputs"]] != fg.outputs and \
       sorted(r["name"] for r in report["outputs"]) != sorted(fg.outputs):
        yield f"outputs are {[r['name'] for r in report['outputs']]}, not {fg.outputs}"


def output_feed(row, s, x, y, decisions):
    x, y = np.asarray(x), np.asarray(y)
    count = decisions[row["name"]]
    s.pair(x, y)
    if x.dtype.kind == "f":
        if x.ndim and x.shape[-1] >= 2:
            same = x.argmax(-1) == y.argmax(-1)
            count[0] += int(same.sum())
            count[1] += same.size
    else:
        count[0] += int((x == y).sum())
        count[1] += x.size
    s.integer = x.dtype.kind != "f"


def output_complaints(outputs, decisions, tolerance_db=1e-4):
    for row, s in outputs:
        same, total = decisions[row["name"]]
        share = same / total if total else None
        want = {"agreement": share if s.integer else None,
                "argmax_agreement": None if s.integer else share}
        found = [f"{k} is {row[k]}, not {v}" for k, v in want.items() if not close(row[k], v)]
        if not s.integer:
            found += pair_complaints(row, s, tolerance_db)
        for why in found:
            yield f"output {row['name']}: {why}"


# --- weights ---------------------------------------------------------------------------------

def channel_axis(fg, qg, row, dims):
    """Axis of the worst channel: the quantizer's, else the operator's output channels."""
    if row["axis"] is not None:
        return row["axis"]
    if len(dims) < 2:
        return None
    for g in (fg, qg):
        for node, slot in g.readers.get(row["tensor"], ()):
            if slot != 1 or node.op_type != row["op"]:
                continue
            if node.op_type == "Gemm":
                return 0 if g.attribute(node, "transB", 0) else 1
            return {"Conv": 0, "ConvTranspose": 1, "MatMul": len(dims) - 1}.get(node.op_type)
    return None


def weight_quantizer(qg, name):
    """The last quantizer on the way from the constant to the value."""
    node = qg.behind(name)
    while node is not None and node.op_type not in DQ_OPS:
        node = qg.producer.get(node.input[0]) if node.input else None
    return Quantizer(qg, node) if node is not None else None


def worst_channel(x, y, axis):
    """(SQNR, silent): lowest SQNR of a channel, and whether one has an error without a signal."""
    other = tuple(k for k in range(x.ndim) if k != axis)
    x2, e2 = (x * x).sum(other), ((x - y) ** 2).sum(other)
    numbers = [db(float(a), float(b)) for a, b in zip(x2, e2) if a > 0 and b > 0]
    return min(numbers, default=None), bool(((x2 == 0) & (e2 > 0)).any())


def weights(report, fpath, qpath, feed, folded=None):
    """Complaints about all weight rows. `folded`: the float model after basic optimization."""
    fg, qg = load_graph(fpath), load_graph(qpath)
    names = [r["tensor"] for r in report["weights"]]
    known = set(fg.names())
    fv = Tensors(fpath, list(dict.fromkeys(n for n in names if n in known))).read(feed)
    rest = [n for n in names if n not in known]
    if rest:
        pg = Graph(folded)
        fv.update({n: pg.constant(n) for n in rest})
    qv = Tensors(qpath, list(dict.fromkeys(r["quant_tensor"] for r in report["weights"]))).read(feed)
    for row in report["weights"]:
        label = f"weight {row['tensor']} ({row['quant_tensor']})"
        x, y = fv.get(row["tensor"]), qv[row["quant_tensor"]]
        if x is None:
            yield f"{label}: in neither the float model nor the folded one"
            continue
        if row["tensor"] not in known and not row["derived_from"]:
            yield f"{label}: is not in the float file and has no derived_from"
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if x.size != y.size:
            yield f"{label}: {x.shape} against {y.shape}"
            continue
        for why in weight_complaints(row, x, y.reshape(x.shape), fg, qg):
            yield f"{label}: {why}"


def weight_complaints(row, x, y, fg, qg):
    s = Sums()
    s.pair(x, y)
    yield from pair_complaints(row, s)
    quantizer = weight_quantizer(qg, row["quant_tensor"])
    if quantizer is None:
        if row["scale"] is not None:
            yield f"scale is {row['scale']} without a quantizer"
    elif quantizer.scale.size == 1:
        if not close(row["scale"], float(quantizer.scale[0])) or \
           row["zero_point"] != int(quantizer.zp[0]):
            yield f"scale, zero point are {row['scale']}, {row['zero_point']}, not " \
                  f"{quantizer.scale[0]}, {quantizer.zp[0]}"
        if row["axis"] is not None:
            yield f"axis is {row['axis']} of a per-tensor quantizer"
    else:
        if not close(row["scale"], quantizer.scale.astype(float).tolist()):
            yield "scales differ"
        if row["zero_point"] != quantizer.zp.tolist():
            yield "zero points differ"
        if row["axis"] is None or row["axis"] % x.ndim != quantizer.axis % x.ndim:
            yield f"axis is {row['axis']}, not {quantizer.axis}"
    axis = channel_axis(fg, qg, row, x.shape)
    if axis is None or x.ndim == 0:
        return
    want, silent = worst_channel(x, y, axis % x.ndim)
    if not silent and not close_db(row["worst_channel_sqnr_db"], want):
        yield f"worst_channel_sqnr_db is {row['worst_channel_sqnr_db']}, not {want}"
