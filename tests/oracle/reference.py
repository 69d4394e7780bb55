"""Against the live reference package's debugger, where that is right."""
import logging

import numpy as np
from onnxruntime.quantization import qdq_loss_debug as ref
from onnxruntime.quantization.calibrate import CalibrationDataReader

from common import Graph, Q_OPS, load_graph, scratch


class Reader(CalibrationDataReader):
    def __init__(self, names, feeds):
        self.feeds = iter([dict(zip(names, f)) for f in feeds])

    def get_next(self):
        return next(self.feeds, None)


def collect(path, feeds):
    with scratch() as tmp:
        # the reference writes <stem>-inferred.onnx beside the model: give it a copy
        copy = tmp / "model.onnx"
        import onnx
        onnx.save(onnx.load(str(path)), str(copy))
        ref.modify_model_output_intermediate_tensors(str(copy), str(tmp / "more.onnx"))
        return ref.collect_activations(str(tmp / "more.onnx"),
                                       Reader(load_graph(path).inputs, feeds))


def activation_errors(fpath, qpath, feeds):
    """name -> (xmodel SQNR in dB, name of the quantized tensor)."""
    quant = collect(qpath, feeds)
    matched = ref.create_activation_matching(quant, collect(fpath, feeds))
    errors = {}
    for name, entry in matched.items():
        if "float" not in entry:
            continue
        try:
            value = ref.compute_activation_error({name: entry})[name]["xmodel_err"]
        except (ValueError, TypeError):     # its crash on scalars
            continue
        post = next((n for n in (name + "_DequantizeLinear_Output",
                                 name + "_DequantizeLinear_Output_1", name) if n in quant), None)
        if name + "_QuantizeLinear_Input" in quant:
            post = name
        errors[name] = (float(value), post)
    return errors


def weight_errors(fpath, qpath):
    """name -> SQNR in dB, of the weights that the reference gets right."""
    import onnx
    with scratch() as tmp:
        copies = [str(tmp / "float.onnx"), str(tmp / "quant.onnx")]
        for src, dst in zip((fpath, qpath), copies):
            onnx.save(onnx.load(str(src)), dst)
        logging.disable(logging.CRITICAL)       # it logs each weight that it does not find
        matched = ref.create_weight_matching(*copies)
    errors = {}
    for name, entry in matched.items():
        if reference_is_right(qpath, name) and np.ndim(entry["float"]) >= 1:
            errors[name] = float(ref.compute_weight_error({name: entry})[name])
    return errors


def reference_is_right(qpath, name):
    """int8 or int32, zero point 0."""
    g = load_graph(qpath)
    codes = g.constant(name + "_quantized")
    if codes is None or codes.dtype not in (np.int8, np.int32):
        return False
    for node, slot in g.readers.get(name + "_quantized", ()):
        if slot == 0 and len(node.input) > 2 and node.input[2]:
            zp = g.constant(node.input[2])
            return zp is not None and not np.asarray(zp).any()
    return True


# At and above EXACT the reference's value is its floor, 20 log10(norm) + 313: an exact copy. Small
# constants reach that floor earlier.
EXACT, EXACT_SMALL = 250.0, 150.0
# Above this, biases differ by the rounding of one float32 product, which the model makes and the
# reference (int32 times float32 is double there) does not.
BIAS_ROUNDING = 110.0


def activations(report, fpath, qpath, feeds):
    """Complaints about the xmodel SQNR. To the reference, Q/DQ on constants makes activations; to
    us those are weights."""
    errors = activation_errors(fpath, qpath, feeds)
    rows = {r["tensor"] for r in report["activations"]}
    yield from compare({k: v for k, v in errors.items() if k in rows}, report["activations"],
                       "xmodel_sqnr_db")
    yield from compare({k: v for k, v in errors.items() if k not in rows}, report["weights"],
                       "sqnr_db", load_graph(fpath))


def weights(report, fpath, qpath):
    yield from compare(weight_errors(fpath, qpath), report["weights"], "sqnr_db",
                       load_graph(fpath), BIAS_ROUNDING)


def same_constant(g, name, known):
    """The name under which a constant has a row: behind Identity it goes by the name its operator
    reads."""
    while g and name not in known:
        readers = [n for n, _ in g.readers.get(name, ()) if n.op_type == "Identity"]
        if not readers:
            break
        name = readers[0].output[0]
    return name


def compare(errors, rows, key, g=None, enough=EXACT):
    """Complaints; rows by tensor (and quantized tensor where the reference names one)."""
    by_name = {}
    for row in rows:
        by_name.setdefault(row["tensor"], []).append(row)
    for name, want in errors.items():
        want, post = want if isinstance(want, tuple) else (want, None)
        found = by_name.get(same_constant(g, name, by_name), [])
        if len(found) > 1 and post:
            found = [r for r in found if r["quant_tensor"] == post] or found
        if not found:
            yield f"{name}: no row; the reference has {want:.3f} dB"
            continue
        row = found[0]
        if want >= EXACT:
            if not row["exact"]:
                yield f"{name}: {row[key]} dB, the reference says exact ({want:.1f} dB)"
        elif row["exact"]:
            # it has no word for silence: 0 dB when both are zero
            if want < EXACT_SMALL and want != 0 or row["mse"]:
                yield f"{name}: exact, the reference has {want:.3f} dB"
        elif row[key] is None:
            if not (row["zero_signal"] and want < -100):
                yield f"{name}: null, the reference has {want:.3f} dB"
        elif abs(row[key] - want) > 0.01 and min(row[key], want) < enough:
            yield f"{name}: {row[key]:.4f} dB, the reference has {want:.4f} dB"


def quantizes_weights_at_run_time(qpath):
    g = Graph(qpath)
    return any(n.op_type in Q_OPS and n.input[0] in g.init for n in g.g.node)
