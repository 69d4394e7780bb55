"""Is every float tensor of the float model accounted for, and are the reasons true?"""
import collections
import re

import onnx

from common import FLOAT_TYPES, Graph, basic_optimized, load_graph, types_of


def body(graph, path):
    """Float tensors inside a body; with None for a type that inference does not know."""
    inferred = {v.name: v.type.tensor_type.elem_type
                for v in list(graph.value_info) + list(graph.output)}
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE,
              onnx.TensorProto.BFLOAT16)
    for t in graph.initializer:
        if t.data_type in floats:
            yield f"{path}/{t.name}", True
    for node in graph.node:
        for out in node.output:
            if out and inferred.get(out) in (*floats, None):
                yield f"{path}/{out}", inferred.get(out) in floats
        for a in node.attribute:
            if a.type == onnx.AttributeProto.GRAPH:
                yield from body(a.g, f"{path}/{a.name}/{node.name}")


def float_tensors(path):
    """(names, names that may be float) of the model."""
    types = types_of(path)
    g = load_graph(path)
    names = [n for n in g.names() if types.get(n) in FLOAT_TYPES]
    maybe = set()
    typed = onnx.shape_inference.infer_shapes(g.model).graph
    for k, node in enumerate(typed.node):
        for a in node.attribute:
            if a.type == onnx.AttributeProto.GRAPH:
                for name, sure in body(a.g, f"{node.name or f'{node.op_type}_{k}'}/{a.name}"):
                    maybe.add(name)
                    names += [name] if sure else []
    return names, maybe


def complete(report, fpath):
    """Each float tensor in at least one row or exactly one unmatched row."""
    rows = {r["tensor"] for t in ("activations", "weights") for r in report[t]}
    lost = collections.Counter(r["tensor"] for r in report["unmatched"] if r["side"] == "float")
    names, maybe = float_tensors(fpath)
    for name in names:
        if name in rows and lost[name]:
            yield f"{name}: has a row and is unmatched too"
        elif name not in rows and lost[name] != 1:
            yield f"{name}: no row and {lost[name]} unmatched rows"
    for name in set(lost) - set(names) - maybe:
        yield f"{name}: unmatched, but no float tensor of the float model"
    for r in report["unmatched"]:
        # an initializer that nothing reads has no node to blame
        if r["reason"] not in ("no_counterpart", "dead") and not r["node"]:
            yield f"{r['tensor']}: reason {r['reason']} names no node"
        if not r["detail"]:
            yield f"{r['tensor']}: reason {r['reason']} has no text"


def no_counterpart(report):
    for r in report["unmatched"]:
        if r["reason"] == "no_counterpart":
            yield f"{r['side']} {r['tensor']}: {r['detail']} ({r['node']})"


def named(g, name):
    """The node of that name; nodes without one are called <op>_<index>."""
    for k, node in enumerate(g.g.node):
        if (node.name or f"{node.op_type}_{k}") == name:
            return node
    return None


def claims(report, fpath, qpath, tmp):
    """Complaints about reasons that the graphs do not bear out."""
    fg, qg = load_graph(fpath), load_graph(qpath)
    pg = None
    for r in report["unmatched"]:
        if r["reason"] in ("folded", "fused") and pg is None:
            pg = Graph(basic_optimized(fpath, tmp))
        check = CLAIMS.get((r["side"], r["reason"]))
        if check:
            for why in check(r, fg, qg, pg):
                yield f"{r['side']} {r['tensor']} ({r['reason']}): {why}"


def survivor_named(detail, names):
    """The longest known name that the text mentions as a word."""
    words = re.findall(r"\S+", detail)
    found = [w for w in words if w in names or w.rstrip(".;,") in names]
    return found[-1].rstrip(".;,") if found and found[-1] not in names else (found or [None])[-1]


def folded(r, fg, qg, pg):
    name = r["tensor"]
    alive = set(pg.names())
    survivor = survivor_named(r["detail"], set(fg.names()) | alive)
    if survivor is None:
        yield f"names no survivor: {r['detail']}"
        return
    constant = fg.constant(name) is not None
    if name in alive and not constant and name in pg.producer:
        yield "the optimized float model still has it"
    if not fg.ancestors_reach(name, survivor):
        yield f"{survivor} does not depend on it"
    if survivor not in alive and survivor not in fg.names():
        yield f"{survivor} is in no model"


def folded_quant(r, fg, qg, pg):
    if r["tensor"] in fg.names():
        yield "the float file has a tensor of this name"
    if not survivor_named(r["detail"], set(pg.names())):
        yield f"names nothing of the optimized float model: {r['detail']}"


def clamp_removed(r, fg, qg, pg):
    node = named(fg, r["node"])
    if node is None or node.op_type not in ("Relu", "Clip"):
        yield f"node {r['node']} is no Relu or Clip of the float model"
        return
    if not any(i and fg.ancestors_reach(r["tensor"], i) or i == r["tensor"] for i in node.input):
        yield f"{r['node']} does not read it"
    kept = [n for n in qg.g.node if n.op_type == node.op_type
            and (n.name == node.name != "" or n.output[0] == node.output[0])]
    if kept:
        yield f"the quantized model still has {node.op_type} {r['node']}"


def dead(r, fg, qg, pg):
    g = fg if r["side"] == "float" else qg
    if any(g.ancestors_reach(r["tensor"], o) for o in g.outputs):
        yield "an output depends on it"


def shape_constant(r, fg, qg, pg):
    g = fg if r["side"] == "float" else qg
    ops = {n.op_type for n, slot in g.readers.get(r["tensor"], ()) if slot > 0}
    if not ops or not ops <= {"Resize", "Upsample", "RoiAlign"}:
        yield f"is read by {sorted(ops)}"


CLAIMS = {
    ("float", "folded"): folded, ("float", "fused"): folded, ("quant", "folded"): folded_quant,
    ("float", "clamp_removed"): clamp_removed, ("float", "dead"): dead, ("quant", "dead"): dead,
    ("float", "shape_constant"): shape_constant, ("quant", "shape_constant"): shape_constant,
}


def quant_side(report, qpath):
    """Quantized values neither compared nor listed: float values that are no scale of a Q or DQ.
    Other views of the same value (Q input, copies of a DQ) count as compared."""
    g = load_graph(qpath)
    types = types_of(qpath)
    rows = {r["quant_tensor"] for t in ("activations", "weights") for r in report[t]}
    listed = collections.Counter(r["tensor"] for r in report["unmatched"] if r["side"] == "quant")
    for name, count in listed.items():
        if count > 1:
            yield f"{name}: {count} unmatched rows"
        if name not in types:
            yield f"{name}: unmatched, but no tensor of the quantized model"
        elif types[name] not in FLOAT_TYPES:
            yield f"{name}: unmatched, but is {types[name]}"
        if name in rows:
            yield f"{name}: compared and unmatched"
