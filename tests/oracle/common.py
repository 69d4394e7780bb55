"""What the oracle tests share: running the program, reading graphs, reading tensors with the
reference engine's Python package, comparing, TAP output.

Knows ONNX files and the JSON report of interface.md; knows nothing of the program's insides.
"""
import contextlib
import functools
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "build" / "models"
DATA = ROOT / "build" / "data"
QDEBUG = os.path.abspath(os.environ.get("QDEBUG", ROOT / "build" / "qdebug"))
SAMPLES = {"cls": 16, "rec": 4, "det": 2}
INPUTS = {"cls": "cls", "rec": "rec", "det": "det320"}
FLOAT_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)", "tensor(bfloat16)")
Q_OPS, DQ_OPS = ("QuantizeLinear",), ("DequantizeLinear",)

SHOWN = int(os.environ.get("SHOWN", 12))

ort.set_default_logger_severity(4)


# --- TAP -------------------------------------------------------------------------------------

class Tap:
    """Counts and prints; `why` is a list of complaints, empty when all is well."""

    def __init__(self):
        self.n = self.bad = 0

    def result(self, name, why):
        self.n += 1
        self.bad += bool(why)
        print(f"{'not ok' if why else 'ok'} {self.n} - {name}", flush=True)
        for line in why[:SHOWN]:
            print(f"#   {line}")
        if len(why) > SHOWN:
            print(f"#   ... and {len(why) - SHOWN} more")

    def test(self, name, function, *args):
        """Runs function(*args) -> complaints; an exception is a complaint too."""
        try:
            self.result(name, list(function(*args)))
        except Exception as e:     # a test that breaks is a test that failed
            where = e.__traceback__
            while where.tb_next:
                where = where.tb_next
            self.result(name, [f"{type(e).__name__}: {e}",
                               f"at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}"])

    def end(self):
        print(f"1..{self.n}")
        sys.exit(self.bad != 0)


# --- the program -----------------------------------------------------------------------------

class Failed(Exception):
    def __init__(self, done):
        super().__init__(f"exit status {done.returncode}: {done.stderr.strip()[-600:]}")
        self.status, self.stderr = done.returncode, done.stderr


def qdebug_args(fpath, qpath, data, store, *options):
    return [QDEBUG, *options, str(fpath), str(qpath), "--data", str(data),
            "--store", str(store), "--report", "json"]


def call(args, **kw):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, **kw)
    if done.returncode:
        raise Failed(done)
    return done


def qdebug(fpath, qpath, data, *options, store=None):
    """The JSON report of a fresh run."""
    with contextlib.ExitStack() as stack:
        if store is None:
            store = os.path.join(stack.enter_context(scratch()), "run.qdb")
        return json.loads(call(qdebug_args(fpath, qpath, data, store, *options)).stdout)


@contextlib.contextmanager
def scratch():
    path = tempfile.mkdtemp(prefix="oracle-", dir=os.environ.get("TMPDIR"))
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


VOLATILE = ("id", "seconds", "peak_rss_bytes")


def without_volatile(report):
    run = {k: v for k, v in report["run"].items() if k not in VOLATILE}
    return {**report, "run": run}


# --- samples ---------------------------------------------------------------------------------

def real_feeds(model, n=None):
    files = sorted((DATA / INPUTS[model]).glob("*.npy"))[:n or SAMPLES[model]]
    return [[np.load(f)] for f in files]


def model_path(model, name):
    return MODELS / model / f"{name}.onnx"


# --- graphs ----------------------------------------------------------------------------------

class Graph:
    """Top level of a model file by name."""

    def __init__(self, path):
        self.path = path
        self.model = onnx.load(str(path))
        self.g = self.model.graph
        self.init = {t.name: t for t in self.g.initializer}
        self.producer = {o: n for n in self.g.node for o in n.output if o}
        self.inputs = [i.name for i in self.g.input if i.name not in self.init]
        self.outputs = [o.name for o in self.g.output]
        self.readers = {}
        for node in self.g.node:
            for slot, name in enumerate(node.input):
                self.readers.setdefault(name, []).append((node, slot))

    def names(self):
        seen = dict.fromkeys(self.inputs)
        seen.update(dict.fromkeys(self.init))
        seen.update(dict.fromkeys(self.producer))
        return list(seen)

    def constant(self, name):
        """The array of an initializer or Constant output, else None."""
        if name in self.init:
            return numpy_helper.to_array(self.init[name])
        node = self.producer.get(name)
        if node is None or node.op_type != "Constant":
            return None
        a = node.attribute[0]
        if a.name == "value":
            return numpy_helper.to_array(a.t)
        if a.name.startswith("value_float"):
            return np.array(onnx.helper.get_attribute_value(a), np.float32)
        return np.array(onnx.helper.get_attribute_value(a))

    def attribute(self, node, name, default=None):
        for a in node.attribute:
            if a.name == name:
                return onnx.helper.get_attribute_value(a)
        return default

    def behind(self, name):
        """Producer of a value, Identity passed over."""
        node = self.producer.get(name)
        while node is not None and node.op_type == "Identity":
            node = self.producer.get(node.input[0])
        return node

    def clamp(self, node):
        """(lo, hi) of a Relu or constant Clip, else None."""
        if node is None or node.op_type not in ("Relu", "Clip"):
            return None
        if node.op_type == "Relu":
            return 0.0, math.inf
        lo, hi = self.attribute(node, "min", -math.inf), self.attribute(node, "max", math.inf)
        bounds = [lo, hi]
        for k in (1, 2):
            if len(node.input) > k and node.input[k]:
                value = self.constant(node.input[k])
                if value is None:
                    return None
                bounds[k - 1] = float(value.reshape(-1)[0])
        return tuple(bounds)

    def ancestors_reach(self, source, target):
        """Does target depend on source?"""
        todo, seen = [source], set()
        while todo:
            name = todo.pop()
            if name == target:
                return True
            for node, _ in self.readers.get(name, ()):
                for out in node.output:
                    if out not in seen:
                        seen.add(out)
                        todo.append(out)
        return False


class Quantizer:
    """Parameters of the Q node in front of a DQ output (or of the DQ of a constant)."""

    def __init__(self, graph, dq):
        self.dq = dq
        self.codes = dq.input[0]
        q = graph.producer.get(dq.input[0])
        self.q = q if q is not None and q.op_type in Q_OPS else None
        node = self.q or dq
        scale = graph.constant(node.input[1])
        self.static = scale is not None
        if not self.static:
            return
        self.scale = scale.astype(np.float32).reshape(-1)
        zp = graph.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        if zp is None:
            zp = np.zeros(self.scale.shape, np.uint8 if self.q is not None else np.int32)
            if self.q is None and graph.constant(self.codes) is not None:
                zp = zp.astype(graph.constant(self.codes).dtype)
        self.dtype = zp.dtype
        self.zp = zp.astype(np.int64).reshape(-1)
        self.axis = graph.attribute(node, "axis", 1)
        info = np.iinfo(zp.dtype)
        self.qmin, self.qmax = info.min, info.max

    def broadcast(self, a, shape):
        if a.size == 1:
            return a.reshape(())
        axis = self.axis % len(shape)
        return a.reshape([-1 if k == axis else 1 for k in range(len(shape))])

    def apply(self, x):
        """Codes before saturation and values after dequantization, as the operators compute
        them: float32 division, halves to even, float32 multiplication."""
        scale = self.broadcast(self.scale, x.shape)
        zp = self.broadcast(self.zp, x.shape)
        raw = np.rint(x.astype(np.float32) / scale).astype(np.float64) + zp
        codes = np.clip(raw, self.qmin, self.qmax)
        return raw, codes, (codes - zp).astype(np.float32) * scale


@functools.lru_cache(maxsize=64)
def load_graph(path):
    return Graph(path)


# --- tensors, read with the engine's Python package -------------------------------------------

LEVELS = {
    "disable": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def session(model, level="disable", threads=1, dump=None):
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    if dump:
        options.optimized_model_filepath = str(dump)
    data = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def with_outputs(path, names):
    """The model's bytes with more graph outputs; the engine finds their types itself."""
    model = onnx.load(str(path))
    have = {o.name for o in model.graph.output}
    for name in names:
        if name not in have:
            have.add(name)
            model.graph.output.add().name = name
    return model.SerializeToString()


class Tensors:
    """Values of many tensors of a model, sample by sample."""

    def __init__(self, path, names, level="disable"):
        self.g = load_graph(path)
        self.fixed = {n: numpy_helper.to_array(self.g.init[n]) for n in names if n in self.g.init}
        self.passed = [n for n in names if n in self.g.inputs]
        self.wanted = [n for n in names if n not in self.fixed and n not in self.passed]
        self.session = session(with_outputs(path, self.wanted), level)
        self.types = {o.name: o.type for o in self.session.get_outputs()}

    def read(self, feed):
        feeds = dict(zip(self.g.inputs, feed))
        out = self.session.run(self.wanted, feeds) if self.wanted else []
        values = dict(zip(self.wanted, out))
        values.update(self.fixed)
        values.update({n: feeds[n] for n in self.passed})
        return values


def types_of(path):
    """Element type of every top-level value, from the engine."""
    g = load_graph(path)
    t = Tensors(path, g.names())
    types = dict(t.types)
    names = {onnx.TensorProto.FLOAT: "float", onnx.TensorProto.FLOAT16: "float16",
             onnx.TensorProto.DOUBLE: "double", onnx.TensorProto.BFLOAT16: "bfloat16"}
    for name, tensor in g.init.items():
        types[name] = f"tensor({names.get(tensor.data_type, 'other')})"
    for i in t.session.get_inputs():
        types[i.name] = i.type
    return types


def basic_optimized(path, folder):
    out = pathlib.Path(folder) / "basic.onnx"
    session(path, "basic", dump=out)
    return out


# --- numbers ---------------------------------------------------------------------------------

def db(x2, e2):
    return 10 * math.log10(x2 / e2) if x2 > 0 and e2 > 0 else None


def close(a, b, rel=1e-6, tiny=0.0):
    if a is None or b is None:
        return a is b
    if isinstance(a, list) or isinstance(b, list):
        return (isinstance(a, list) and isinstance(b, list) and len(a) == len(b)
                and all(close(p, q, rel, tiny) for p, q in zip(a, b)))
    return a == b or abs(a - b) <= rel * max(abs(a), abs(b)) + tiny


def close_db(a, b, tolerance=1e-4):
    if a is None or b is None:
        return a is b
    return abs(a - b) <= tolerance
