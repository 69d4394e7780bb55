#!/usr/bin/env python3
"""The quantizer against the live reference: same settings, same ranges, the same model.

usage: run.py [--full] [--keep DIR] [--graph NAME] [--models]

The reference calibrates and quantizes in this process; its calibration cache goes to the program under test, so that
only the quantizer is compared. Models are compared semantically: every initializer bit by bit, nodes in order, opset
imports, metadata, inputs and outputs. Every model is opened by ONNX Runtime. Prints TAP.
"""
import argparse
import contextlib
import copy
import io
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, quantize_static

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import corpus  # noqa: E402
import deviations  # noqa: E402
import settings  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROBE = os.environ.get("REQUANT_PROBE", str(ROOT / "build/obj/tests/oracle/requant_probe"))
ROWS_PER_GRAPH = 3
logging.disable(logging.ERROR)
ort.set_default_logger_severity(4)
# rule opset: nothing converts opsets here, and so must the reference not
sys.modules[quantize_static.__module__].update_opset_version = lambda model, *a, **k: model


def hangs(*_):
    raise TimeoutError("the reference does not come to an end")


signal.signal(signal.SIGALRM, hangs)


class Samples(CalibrationDataReader):
    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


class Probe:
    """The program under test, one job after the other."""

    def __init__(self):
        self.p = subprocess.Popen([PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *fields):
        self.p.stdin.write("\t".join(map(str, fields)) + "\n")
        self.p.stdin.flush()
        answer = self.p.stdout.readline().rstrip("\n").split("\t")
        if answer == [""]:
            self.p.wait()
            text = f"the program ended with status {self.p.returncode}"
            self.__init__()
            return "error", text
        return answer[0], answer[-1]


# --- comparing ----------------------------------------------------------------------------------

def value(t):
    a = numpy_helper.to_array(t)
    return t.data_type, tuple(t.dims), np.asarray(a).tobytes()


def attribute(a):
    if a.HasField("g"):
        return a.name, tuple(map(node, a.g.node)), tuple((t.name, value(t)) for t in a.g.initializer)
    return (a.name, value(a.t)) if a.HasField("t") else (a.name, a.SerializeToString(deterministic=True))


def node(n):
    return ("" if n.domain == "ai.onnx" else n.domain, n.op_type, n.name, tuple(n.input), tuple(n.output),
            tuple(sorted(map(attribute, n.attribute))))


def shown(n):
    return f"{n[0]}{':' if n[0] else ''}{n[1]} {n[2]!r} {list(n[3])} -> {list(n[4])} {[a[0] for a in n[5]]}"


def differences(ours, theirs):
    a = {t.name: value(t) for t in ours.graph.initializer}
    b = {t.name: value(t) for t in theirs.graph.initializer}
    for k in sorted(set(a) | set(b)):
        if k not in a or k not in b:
            yield f"initializer {k}: only in {'ours' if k in a else 'theirs'}"
        elif a[k] != b[k]:
            x, y = [numpy_helper.to_array(next(t for t in m.graph.initializer if t.name == k))
                    for m in (ours, theirs)]
            yield (f"initializer {k}: {a[k][:2]} {np.asarray(x).ravel()[:4]} and "
                   f"{b[k][:2]} {np.asarray(y).ravel()[:4]}")
    a, b = [node(n) for n in ours.graph.node], [node(n) for n in theirs.graph.node]
    for n in a:
        if n not in b:
            yield f"node only in ours: {shown(n)}"
    for n in b:
        if n not in a:
            yield f"node only in theirs: {shown(n)}"
    bodies = any(x.HasField("g") for n in ours.graph.node for x in n.attribute)
    if sorted(a) == sorted(b) and a != b and not bodies:
        yield "nodes are in another order"
    for what, get in (("opsets", lambda m: {(o.domain, o.version) for o in m.opset_import}),
                      ("metadata", lambda m: {(p.key, p.value) for p in m.metadata_props}),
                      ("inputs", lambda m: [i.name for i in m.graph.input]),
                      ("outputs", lambda m: [i.name for i in m.graph.output]),
                      ("producer", lambda m: (m.producer_name, m.producer_version)),
                      ("ir", lambda m: m.ir_version)):
        if get(ours) != get(theirs):
            yield f"{what}: {get(ours)} and {get(theirs)}"


def load_error(path):
    o = ort.SessionOptions()
    o.log_severity_level = 4
    o.intra_op_num_threads = 1
    error = None
    # the engine quantizes float biases itself, with operators the opset or the Q/DQ domain may not have
    for disabled in ([], ["WeightBiasQuantization"]):
        try:
            ort.InferenceSession(str(path), o, providers=["CPUExecutionProvider"],
                                 disabled_optimizers=disabled)
            return None
        except Exception as e:  # noqa: BLE001
            error = str(e)
            if "_bias_" not in error:
                break
    return error


# --- one run ---------------------------------------------------------------------------------------

def real_type(model):
    t = model.graph.input[0].type.tensor_type.elem_type
    return np.float16 if t == onnx.TensorProto.FLOAT16 else np.float32


def run_reference(folder, model, feeds, recipe):
    """The error text, or None."""
    path = folder / "source.onnx"
    onnx.save(model, str(path))
    for f in ("ranges.json", "theirs.onnx"):
        if (folder / f).exists():
            (folder / f).unlink()
    signal.alarm(5)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            quantize_static(str(path), str(folder / "theirs.onnx"), Samples(feeds),
                            calibration_cache_path=str(folder / "ranges.json"),
                            **settings.arguments(recipe, real_type(model)))
    except Exception as e:  # noqa: BLE001
        return f"{type(e).__name__}: {e}"
    finally:
        signal.alarm(0)
    return None


def run_one(probe, folder, name, row, model, feeds):
    """Yields complaints; the reason why there was nothing to compare is returned in row['skipped']."""
    recipe = settings.recipe(row, model)
    source = copy.deepcopy(model)
    named = set()
    deviations.count_bodies(source)
    if not row["strict"]:
        named = deviations.name_nodes(source)
        deviations.free_names(source)
        settings.constants_as_initializers(source)
    if recipe["extra_options"].get("DedicatedQDQPair") and row["overrides"].startswith("convert"):
        recipe["extra_options"]["DedicatedQDQPair"] = False     # both refuse
    failed = run_reference(folder, source, feeds, recipe)
    if failed and not (folder / "ranges.json").exists():        # a calibrator gave up
        recipe["calibrate_method"] = "MinMax"
        failed = run_reference(folder, source, feeds, recipe)
    onnx.save(model, str(folder / "model.onnx"))
    (folder / "recipe.json").write_text(json.dumps(recipe, indent=1))
    if not (folder / "ranges.json").exists():
        row["skipped"] = f"no ranges: {failed}"
        return
    status, text = probe.ask(folder / "model.onnx", folder / "ranges.json", folder / "recipe.json",
                             folder / "ours.onnx")
    if status == "error":
        if failed and deviations.both_refuse(failed, text):
            row["skipped"] = f"both refuse: {text}"
            return
        yield f"refused: {text} (the reference: {failed or 'makes a model'})"
        return
    yield from wrong_names(probe, folder)
    bad = load_error(folder / "ours.onnx")
    if bad and not deviations.engine_cannot(bad):
        yield f"does not load: {bad}"
    ours = onnx.load(str(folder / "ours.onnx"))
    if failed:
        why = deviations.reference_fails(failed, text, row, ours)
        row["skipped"] = f"reference fails: {failed[:80]}: {why}"
        if not why:
            yield f"the reference fails, and nobody knows why: {failed}"
        return
    def reference_model():
        theirs = onnx.load(str(folder / "theirs.onnx"))
        for n in list(theirs.graph.node):
            if n.name in named:
                n.name = ""
            if n.name.startswith(deviations.READER):
                theirs.graph.node.remove(n)
        return theirs

    def again(**extra):
        changed = dict(recipe, extra_options=dict(recipe["extra_options"], **extra))
        return None if run_reference(folder, source, feeds, changed) else reference_model()

    theirs = reference_model()
    excluded = set(recipe["nodes_to_exclude"])
    found = list(differences(ours, theirs))
    if not found:
        return
    why = deviations.explain(ours, theirs, text, lambda: load_error(folder / "theirs.onnx"), again,
                             lambda a, b: list(differences(a, b)))
    if why:
        row["deviation"] = why
        return
    yield from found[:12]
    if len(found) > 12:
        yield f"... {len(found)} differences; excluded {excluded}; notes {text}"


def wrong_names(probe, folder):
    """Which tensors are calibrated: the reference's and no others."""
    probe.ask(folder / "model.onnx", "?", folder / "recipe.json", folder / "names")
    ours = set((folder / "names").read_text().split("\n")[:-1])
    theirs = set(json.loads((folder / "ranges.json").read_text())["data"])
    if ours - {deviations.TAKEN[0]} != theirs - {deviations.TAKEN[1]}:
        yield f"ranges wanted: only ours {sorted(ours - theirs)}, only theirs {sorted(theirs - ours)}"


# --- real models, exported recipes -----------------------------------------------------------------

def real_models(probe, work):
    rng = np.random.default_rng(3)
    for kind in ("det", "rec", "cls"):
        for form in ("raw", "pre"):
            model = onnx.load(str(ROOT / f"build/models/{kind}/{form}.onnx"))
            i = model.graph.input[0]
            shape = [d.dim_value if d.dim_value > 0 else (64 if k else 1) for k, d in enumerate(i.type.tensor_type.shape.dim)]
            feeds = [{i.name: rng.uniform(-1, 1, shape).astype(np.float32)}]
            for row in ({}, {"types": "QUInt8 QInt8", "per_channel": True, "strict": True},
                        {"types": "QUInt8 QUInt8", "reduce_range": True, "nodes": "exclude some"}):
                row = dict(settings.DEFAULT, **row)
                folder = work / f"{kind}-{form}"
                folder.mkdir(parents=True, exist_ok=True)
                yield f"{kind}/{form} {row['types']}", row, list(run_one(probe, folder, "", row, model, feeds))


def exported(probe, work):
    """A recipe as a Python program makes the model that the quantizer makes."""
    for k, row in enumerate(({}, {"overrides": "scale"}, {"overrides": "convert some", "types": "QUInt8 QInt8"},
                             {"overrides": "weight channels", "per_channel": True, "nodes": "exclude one"})):
        row = dict(settings.DEFAULT, **row)
        folder = work / f"python{k}"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        model, feeds = model_of("residual@21")         # below, the reference converts for 16 bits
        for n, feed in enumerate(feeds):
            np.save(folder / "data" / f"{n}.npy", next(iter(feed.values())))
        found = list(run_one(probe, folder, "", row, model, feeds))
        probe.ask("", "", f"python:{folder / 'recipe.json'}", folder / "program.py")
        done = subprocess.run([sys.executable, "program.py"], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            found.append(done.stderr[-300:])
        else:
            found += differences(onnx.load(str(folder / "ours.onnx")), onnx.load(str(folder / "python.onnx")))
        first = (folder / "program.py.json").read_text()
        (folder / "recipe.json").write_text(first)
        probe.ask("", "", f"python:{folder / 'recipe.json'}", folder / "program.py")
        if (folder / "program.py.json").read_text() != first:
            found.append("a recipe changes when it is read and written")
        yield f"exported recipe {k}", row, found


def jobs(full):
    rows = settings.covering_array()
    graphs = list(corpus.GRAPHS)
    for i, g in enumerate(graphs):
        chosen = rows if full else [rows[(i * ROWS_PER_GRAPH + k) % len(rows)] for k in range(ROWS_PER_GRAPH)]
        yield g, [dict(settings.DEFAULT)] + chosen
    for g in ("gemms", "attention", "matmul_constant_left"):
        for more in ({"BlockSize": 4}, {"BlockSize": 3, "WeightSymmetric": False}):
            yield g + "@21", [dict(settings.DEFAULT, more=more, op_types="few")]
    for g in ("conv_relu_opset21", "conv_relu_opset19", "gemms@21"):
        yield g, [dict(settings.DEFAULT, types="QFLOAT8E4M3FN QFLOAT8E4M3FN", method="Distribution",
                       per_channel=p) for p in (False, True)]


def model_of(name):
    base, _, opset = name.partition("@")
    model, feeds = corpus.model_of(base)
    if opset:
        model = onnx.version_converter.convert_version(model, int(opset))
        model.ir_version = 10
    return model, feeds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--graph")
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    work = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="requant."))
    probe, number, bad, runs = Probe(), 0, 0, 0
    seen = {}
    for name, rows in jobs(args.full):
        if args.graph and args.graph != name:
            continue
        complaints, count = [], {"compared": 0, "skipped": 0, "deviation": 0}
        for k, row in enumerate(rows):
            row = dict(row)
            folder = work / name / str(k)
            folder.mkdir(parents=True, exist_ok=True)
            model, feeds = model_of(name)
            found = list(run_one(probe, folder, name, row, model, feeds))
            runs += 1
            changed = {f: v for f, v in row.items() if f in settings.FACTORS and v != settings.DEFAULT[f]}
            for c in found:
                complaints.append(f"run {k}: {c}")
            if found:
                complaints.append(f"run {k}: {changed} {row.get('more', '')}")
            for what in ("skipped", "deviation"):
                if what in row:
                    count[what] += 1
                    seen.setdefault((what, str(row[what])), []).append(f"{name}/{k}")
            count["compared"] += not found and "skipped" not in row
        number += 1
        bad += bool(complaints)
        print(f"{'not ok' if complaints else 'ok'} {number} - quantizer equals the reference: {name} "
              f"({count['compared']} equal, {count['deviation']} by a rule, {count['skipped']} not made by "
              f"the reference)", flush=True)
        for c in complaints:
            print(f"# {c}")
    for part in () if args.graph else (exported, real_models):
        for name, row, complaints in part(probe, work):
            number += 1
            runs += 1
            bad += bool(complaints)
            print(f"{'not ok' if complaints else 'ok'} {number} - quantizer equals the reference: {name}"
                  f" {row.get('deviation', '')}", flush=True)
            for c in complaints:
                print(f"# {c}")
    print(f"1..{number}")
    print(f"# {runs} runs")
    for (what, why), where in sorted(seen.items()):
        print(f"# {what}: {why}: {len(where)}: {' '.join(where[:4])}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
