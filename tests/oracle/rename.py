"""Renames everything in a quantized model and requires the same numbers."""
import copy
import random

import onnx

from common import without_volatile


def rename_graph(graph, table, make, nodes):
    """Renames values (and nodes) of a graph and its bodies; `table` holds outer names."""
    table = dict(table)

    def new(name):
        if name and name not in table:
            table[name] = make()
        return table.get(name, "")

    for t in list(graph.initializer) + list(graph.input):
        t.name = new(t.name)
    for t in graph.sparse_initializer:
        t.values.name = new(t.values.name)
    for node in graph.node:
        for k, name in enumerate(node.input):
            node.input[k] = new(name)
        for a in node.attribute:
            if a.type == onnx.AttributeProto.GRAPH:
                rename_graph(a.g, table, make, nodes)
            for g in a.graphs:
                rename_graph(g, table, make, nodes)
        for k, name in enumerate(node.output):
            node.output[k] = new(name)
        if nodes and node.name:
            node.name = make()
    for o in graph.output:
        o.name = new(o.name)
    kept = [v for v in graph.value_info if v.name in table]
    for v in kept:
        v.name = table[v.name]
    kept = [copy.deepcopy(v) for v in kept]
    del graph.value_info[:]
    graph.value_info.extend(kept)
    del graph.quantization_annotation[:]


def shuffle(graph, rng):
    """A random topological order."""
    known = {i.name for i in graph.input} | {i.name for i in graph.initializer} | {""}
    todo = [copy.deepcopy(n) for n in graph.node]
    made = {o for n in todo for o in n.output}
    waits = [set(outer_names(n)) & made - known for n in todo]
    readers = {}
    for k, names in enumerate(waits):
        for name in names:
            readers.setdefault(name, []).append(k)
    ready = [k for k, names in enumerate(waits) if not names]
    order = []
    while ready:
        k = ready.pop(rng.randrange(len(ready)))
        order.append(k)
        for out in todo[k].output:
            for reader in readers.get(out, ()):
                waits[reader].discard(out)
                if not waits[reader]:
                    ready.append(reader)
    assert len(order) == len(todo)
    del graph.node[:]
    graph.node.extend(todo[k] for k in order)


def outer_names(node):
    yield from node.input
    for a in node.attribute:
        for g in ([a.g] if a.type == onnx.AttributeProto.GRAPH else []) + list(a.graphs):
            for inner in g.node:
                yield from outer_names(inner)
            yield from (o.name for o in g.output)


def renamed(src, dst, nodes=False, order=False, seed=1):
    model = onnx.load(str(src))
    rng = random.Random(seed)
    numbers = list(range(len(model.graph.node) * 8 + len(model.graph.initializer) + 1000))
    rng.shuffle(numbers)
    used = iter(numbers)
    if order:
        shuffle(model.graph, rng)
    rename_graph(model.graph, {}, lambda: f"r{next(used)}", nodes)
    onnx.save(model, str(dst))


def stripped(report):
    """The report without names of the quantized model."""
    report = copy.deepcopy(without_volatile(report))
    for key in ("path", "sha256"):
        report["run"]["quant"].pop(key)
    for table in ("activations", "weights"):
        for row in report[table]:
            row.pop("quant_tensor")
            if table == "activations" and row["node"] is None:
                row.pop("matched_by")       # graph inputs: by name where there is one
    rows = report["unmatched"]
    quant = sorted((r["reason"] for r in rows if r["side"] == "quant"))
    report["unmatched"] = [{**r, "detail": None} for r in rows if r["side"] == "float"]
    return report, quant


def differences(a, b, path=""):
    if isinstance(a, dict) and isinstance(b, dict):
        for key in a.keys() | b.keys():
            yield from differences(a.get(key), b.get(key), f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            yield f"{path}: {len(a)} against {len(b)} entries"
            names = [{r["tensor"] for r in x if isinstance(r, dict) and "tensor" in r}
                     for x in (a, b)]
            yield f"{path}: only one has {sorted(names[0] ^ names[1])[:8]}"
            return
        for k, (x, y) in enumerate(zip(a, b)):
            label = x.get("tensor", x.get("name", k)) if isinstance(x, dict) else k
            yield from differences(x, y, f"{path}[{label}]")
    elif a != b:
        yield f"{path}: {a} against {b}"


def compare(before, after):
    (a, qa), (b, qb) = stripped(before), stripped(after)
    yield from differences(a, b)
    if qa != qb:
        yield f"unmatched of the quantized model: {qa} against {qb}"
