"""--keep-activations all: everything comes back bit-equal to what Python reads."""
import csv

import numpy as np

from common import (DQ_OPS, FLOAT_TYPES, QDEBUG, Tensors, call, load_graph, qdebug_args,
                    types_of)


def run(fpath, qpath, data, n, tmp):
    call(qdebug_args(fpath, qpath, data, tmp / "run.qdb", "--samples", n, "--observe", "reference",
                     "--keep-activations", "all", "--activation-budget", "4G"))
    call([QDEBUG, "export", tmp / "run.qdb", "--what", "activations", "-o", tmp / "out"])
    with open(tmp / "out" / "index.tsv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {(r["side"], r["tensor"], int(r["sample"])): r for r in rows}


def expected(path):
    """Float tensors that depend on the data or are inputs; constants are in the model file."""
    g, types = load_graph(path), types_of(path)
    names = [n for n in g.names() if types[n] in FLOAT_TYPES and n not in g.init]
    return [n for n in names if g.producer.get(n) is None or g.producer[n].op_type != "Constant"]


def is_weight(g, name):
    """A DQ of constants."""
    node = g.producer.get(name)
    return (node is not None and node.op_type in DQ_OPS
            and g.constant(node.input[0]) is not None)


def check(fpath, qpath, feeds, index, folder):
    for side, path in (("float", fpath), ("quant", qpath)):
        g = load_graph(path)
        names = [n for n in expected(path) if not is_weight(g, n)]
        tensors = Tensors(path, names)
        for k, feed in enumerate(feeds):
            for name, want in tensors.read(feed).items():
                entry = index.get((side, name, k))
                if entry is None:
                    yield f"{side} {name}, sample {k}: not exported"
                    continue
                got = np.load(folder / entry["file"])
                want = np.asarray(want)
                if got.dtype != want.dtype or got.shape != want.shape:
                    yield f"{side} {name}, sample {k}: {got.dtype}{got.shape}, " \
                          f"not {want.dtype}{want.shape}"
                elif got.tobytes() != want.tobytes():
                    yield f"{side} {name}, sample {k}: {int((got != want).sum())} elements differ"
