"""The deployed observer: numbers against NumPy and against the plain sessions' outputs."""
import numpy as np

from common import Graph, Tensors, close_db, db, load_graph, session
from truth import Activation, Sums

MOST_FALLBACKS = 0.02


def local(report, fpath, qpath, feeds):
    fg, qg = load_graph(fpath), load_graph(qpath)
    rows = [Activation(r, fg, qg) for r in report["activations"]]
    tensors = Tensors(fpath, list(dict.fromkeys(r.row["tensor"] for r in rows)), "all")
    for feed in feeds:
        values = tensors.read(feed)
        for r in rows:
            if r.quantizer is not None and r.quantizer.static:
                x = np.asarray(values[r.row["tensor"]])
                r.s.local(r.quantizer, x)
                x = x.astype(np.float64).ravel()
                r.s.x2 += float(x @ x)
    for r in rows:
        if r.quantizer is None:
            continue
        want = db(r.s.x2, r.s.local_e2)
        if not close_db(r.row["local_sqnr_db"], want, 1e-3):
            yield f"{r.row['tensor']}: local_sqnr_db is {r.row['local_sqnr_db']}, not {want}"


def observed(report):
    others = [r for r in report["activations"] if r["observed"] != "deployed"]
    if len(others) > MOST_FALLBACKS * len(report["activations"]):
        yield f"{len(others)} of {len(report['activations'])} rows are not observed as deployed"
        for r in others:
            yield f"{r['tensor']}: {r['observed']}"


def same_rows(report, reference):
    a, b = ({(r["tensor"], r["quant_tensor"]) for r in rep["activations"]}
            for rep in (report, reference))
    for tensor, quant in sorted(a ^ b):
        yield f"{tensor} ({quant}): only under {'deployed' if (tensor, quant) in a else 'reference'}"


def outputs(report, fpath, qpath, feeds):
    """Against plain sessions at default options, one thread."""
    f, q = (session(p, "all") for p in (fpath, qpath))
    fg, qg = Graph(fpath), Graph(qpath)
    sums = [Sums() for _ in fg.outputs]
    for feed in feeds:
        fv = f.run(None, dict(zip(fg.inputs, feed)))
        qv = q.run(None, dict(zip(qg.inputs, feed)))
        for s, x, y in zip(sums, fv, qv):
            s.pair(x, y)
    rows = {r["name"]: r for r in report["outputs"]}
    for name, s in zip(fg.outputs, sums):
        want = db(s.x2, s.e2)
        if not close_db(rows[name]["sqnr_db"], want, 1e-6):
            yield f"{name}: sqnr_db is {rows[name]['sqnr_db']}, plain sessions give {want}"
