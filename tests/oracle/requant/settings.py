"""Settings for the quantizer's differential test, and a pairwise covering array over them.

A row is a dict factor -> value; recipe() and arguments() turn one into what qdebug and the reference take.
"""
import itertools
import random

import numpy as np
from onnx import TensorProto, numpy_helper

FACTORS = {
    "types": ["QInt8 QInt8", "QUInt8 QInt8", "QUInt8 QUInt8", "QInt16 QInt8", "QUInt16 QUInt8",
              "QInt8 QInt4", "QUInt8 QUInt4", "QInt16 QInt16"],
    "per_channel": [False, True],
    "reduce_range": [False, True],
    "method": ["MinMax", "Entropy", "Percentile", "Distribution"],
    "ActivationSymmetric": [False, True],
    "WeightSymmetric": [None, True, False],
    "ForceQuantizeNoInputCheck": [False, True],
    "AddQDQPairToWeight": [False, True],
    "QuantizeBias": [True, False],
    "DedicatedQDQPair": [False, True],
    "QDQKeepRemovableActivations": [False, True],
    "QDQDisableWeightAdjustForInt32Bias": [False, True],
    "UseQDQContribOps": [False, True],
    "MinimumRealRange": [None, 0.5],
    "ActivationRestrictedAsymmetric": [False, True],
    "OpTypesToExcludeOutputQuantization": [[], ["Conv", "MatMul", "Gather"]],
    "QDQOpTypePerChannelSupportToAxis": [{}, {"MatMul": 0, "LayerNormalization": -1}],
    "op_types": ["default", "few", "more"],
    "nodes": ["all", "exclude one", "exclude some", "only some"],
    "overrides": ["none", "weight type", "weight channels", "weight range", "scale", "range", "convert",
                  "convert some", "bias"],
    "strict": [False, True],
}
DEFAULT = {k: v[0] for k, v in FACTORS.items()}
FEW = ["Conv", "MatMul", "Gemm", "Relu"]
MORE = ["Tanh", "Div", "Sub", "Erf", "ReduceMean", "Identity", "HardSigmoid", "LSTM"]
EXTRAS = [k for k in FACTORS if k[0].isupper()]


def covering_array(seed=1, tries=40):
    """Rows in which every pair of values of two factors occurs."""
    rng = random.Random(seed)
    names = list(FACTORS)
    key = {k: [repr(v) for v in FACTORS[k]] for k in names}
    open_pairs = {(a, i, b, j) for a, b in itertools.combinations(names, 2)
                  for i in range(len(key[a])) for j in range(len(key[b]))}
    rows = []
    while open_pairs:
        best, gain = None, -1
        for _ in range(tries):
            a, i, b, j = rng.choice(sorted(open_pairs)) if _ == 0 else rng.choice(sample)
            if _ == 0:
                sample = sorted(open_pairs)
            row = {k: rng.randrange(len(key[k])) for k in names}
            row[a], row[b] = i, j
            hit = sum((p, row[p], q, row[q]) in open_pairs for p, q in itertools.combinations(names, 2))
            if hit > gain:
                best, gain = row, hit
        for p, q in itertools.combinations(names, 2):
            open_pairs.discard((p, best[p], q, best[q]))
        rows.append({k: FACTORS[k][best[k]] for k in names})
    return rows


def op_types(row):
    return {"default": [], "few": FEW, "more": None}[row["op_types"]]


def pick_nodes(row, model):
    """(nodes_to_quantize, nodes_to_exclude) by name."""
    names = [n.name for n in model.graph.node if n.name and n.op_type not in ("Constant", "Identity")]
    if row["nodes"] == "all" or not names:
        return [], []
    if row["nodes"] == "exclude one":
        return [], names[len(names) // 2:][:1]
    if row["nodes"] == "exclude some":
        return [], names[1::3]
    return names[::2], []


def pick_overrides(row, model, types):
    """{tensor: [dict]} with types by name and plain numbers, as in a recipe."""
    kind = row["overrides"]
    inits = {t.name: t for t in model.graph.initializer
             if t.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16)}
    weights = [i for n in model.graph.node if n.op_type in ("Conv", "MatMul", "Gemm")
               for i in n.input[:2] if i in inits and len(inits[i].dims) >= 2]
    biases = [n.input[2] for n in model.graph.node if n.op_type in ("Conv", "Gemm")
              and len(n.input) > 2 and n.input[2] in inits]
    acts = [o for n in model.graph.node if n.op_type in ("Conv", "MatMul", "Gemm", "Add") for o in n.output]
    other = "QUInt16" if types[0] != "QUInt16" else "QUInt8"
    if kind == "weight type" and weights:
        return {weights[0]: [{"quant_type": "QUInt8", "symmetric": False}]}
    if kind == "weight channels" and weights:
        n = inits[weights[0]].dims[0]
        return {weights[0]: [{"axis": 0, "rmin": -1.5 - i, "rmax": 1.25} for i in range(n)]}
    if kind == "weight range" and weights:
        return {weights[0]: [{"rmax": 2.5, "reduce_range": True}]}
    if kind == "scale" and acts:
        return {acts[0]: [{"scale": 0.03125, "zero_point": 3}]}
    if kind == "range" and acts:
        return {acts[0]: [{"quant_type": "QUInt8", "rmin": -2.5, "rmax": 1.75, "symmetric": False}]}
    if kind == "convert" and acts:
        return {acts[0]: [{"convert": {"quant_type": other}}]}
    if kind == "convert some" and acts:
        users = [n.name for n in model.graph.node if acts[0] in n.input and n.name]
        return {acts[0]: [{"convert": {"quant_type": other, "symmetric": True, "recv_nodes": users[:1]}}]}
    if kind == "bias" and biases:
        return {biases[0]: [{"quant_type": "QInt8"}]}
    return {}


def recipe(row, model):
    """The JSON object for qdebug."""
    act, weight = row["types"].split()
    only, exclude = pick_nodes(row, model)
    ops = op_types(row)
    if ops is None:
        from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
        ops = sorted(set(QDQRegistry) | set(QLinearOpsRegistry)) + MORE
    extra = {k: row[k] for k in EXTRAS if row[k] != DEFAULT[k]}
    overrides = pick_overrides(row, model, (act, weight))
    if overrides:
        extra["TensorQuantOverrides"] = overrides
    extra.update(row.get("more", {}))
    return {"activation_type": act, "weight_type": weight, "per_channel": row["per_channel"],
            "reduce_range": row["reduce_range"], "calibrate_method": row["method"],
            "op_types_to_quantize": ops, "nodes_to_quantize": only, "nodes_to_exclude": exclude,
            "strict_reference": row["strict"], "extra_options": extra}


def numpy_override(o, recipe_type, real):
    """An override as the reference wants it."""
    from onnxruntime.quantization import QuantType
    kinds = {"QInt8": np.int8, "QUInt8": np.uint8, "QInt16": np.int16, "QUInt16": np.uint16}
    out = dict(o)
    if "quant_type" in o:
        out["quant_type"] = QuantType[o["quant_type"]]
    kind = kinds.get(o.get("quant_type", recipe_type), np.int8)
    for k in ("scale", "rmin", "rmax"):
        if k in o:
            out[k] = np.array(o[k], real)
    if "zero_point" in o:
        out["zero_point"] = np.array(o["zero_point"], kind)
    if "convert" in o:
        out["convert"] = numpy_override(o["convert"], recipe_type, real)
    if "recv_nodes" in o:
        out["recv_nodes"] = set(o["recv_nodes"])
    return out


def arguments(recipe, real=np.float32):
    """Keyword arguments of quantize_static()."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType
    extra = dict(recipe["extra_options"])
    if "TensorQuantOverrides" in extra:
        extra["TensorQuantOverrides"] = {
            t: [numpy_override(o, recipe["activation_type"], real) for o in v]
            for t, v in extra["TensorQuantOverrides"].items()}
    return {"quant_format": QuantFormat.QDQ, "op_types_to_quantize": list(recipe["op_types_to_quantize"]),
            "per_channel": recipe["per_channel"], "reduce_range": recipe["reduce_range"],
            "activation_type": QuantType[recipe["activation_type"]],
            "weight_type": QuantType[recipe["weight_type"]],
            "nodes_to_quantize": list(recipe["nodes_to_quantize"]),
            "nodes_to_exclude": list(recipe["nodes_to_exclude"]),
            "calibrate_method": CalibrationMethod[recipe["calibrate_method"]], "extra_options": extra}


def constants_as_initializers(model):
    """What rule `const` does, written independently: on a copy, in place."""
    outputs = {o.name for o in model.graph.output}
    inputs = {i.name for i in model.graph.input}
    known = {t.name: t for t in model.graph.initializer}
    kept = []
    for n in model.graph.node:
        value = None
        if n.op_type == "Constant" and not n.domain and n.output[0] not in outputs:
            for a in n.attribute:
                if a.name == "value":
                    value = numpy_helper.to_array(a.t)
                elif a.name == "value_float":
                    value = np.float32(a.f)
                elif a.name == "value_floats":
                    value = np.array(a.floats, np.float32)
        elif (n.op_type == "Identity" and not n.domain and n.output[0] not in outputs
              and n.input[0] in known and n.input[0] not in inputs):
            value = numpy_helper.to_array(known[n.input[0]])
        if value is None or np.asarray(value).dtype not in (np.float32, np.float16):
            kept.append(n)
            continue
        t = numpy_helper.from_array(np.asarray(value), n.output[0])
        model.graph.initializer.append(t)
        known[t.name] = t
    changed = len(kept) != len(model.graph.node)
    if changed:
        kept = [type(n).FromString(n.SerializeToString()) for n in kept]
        del model.graph.node[:]
        model.graph.node.extend(kept)
    return changed
