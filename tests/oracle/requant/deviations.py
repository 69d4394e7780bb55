"""Where the quantizer is not the reference: the only table of that.

A rule has a name (those of src/requant/plan.h), a condition on the run, and a way to make the reference's model what the
rule says; after that the two must be equal. Three rules say how the reference is asked instead: `const`
(settings.constants_as_initializers), `unnamed` (name_nodes), `body` (count_bodies); `collision` needs both ways.
"""
import copy
import itertools

import numpy as np
from onnx import TensorProto, numpy_helper

TAKEN = ("bn_scale", "taken")           # of the graph name_taken


def name_nodes(model):
    """Rule unnamed: every node has a name while the reference works. Returns the names to remove afterwards."""
    names = set()
    for i, n in enumerate(model.graph.node):
        if not n.name:
            n.name = f"{n.op_type}_{i}"
            names.add(n.name)
    return names


READER = "reads_for_a_body_"


def count_bodies(model):
    """Rule body: a node at the top level reads what a body reads, while the reference works."""
    outer = {o for n in model.graph.node for o in n.output}
    read = [i for n in model.graph.node for a in n.attribute if a.HasField("g")
            for b in a.g.node for i in b.input if i in outer]
    for i, name in enumerate(dict.fromkeys(read)):
        model.graph.node.add(op_type="Neg", name=f"{READER}{i}", input=[name], output=[f"{READER}{i}_out"])


def rename(model, old, new):
    for t in model.graph.initializer:
        t.name = new(t.name) if t.name.startswith(old) else t.name
    for n in model.graph.node:
        n.name = new(n.name) if n.name.startswith(old) else n.name
        for names in (n.input, n.output):
            for i, name in enumerate(names):
                names[i] = new(name) if name.startswith(old) else name


def free_names(model):
    """Rule collision: the model's own tensor makes way while the reference works."""
    if any(t.name == TAKEN[0] for t in model.graph.initializer):
        rename(model, TAKEN[0], lambda n: n.replace(*TAKEN))


# --- the reference raises, and ours is a model that the engine opens ---------------------------------

FAILS = [
    # (rule, text in the reference's error)
    ("endless", "does not come to an end"),
    ("no scale", "Unable to get valid quantization scale"),
    ("no scale", "out of bounds for axis 0 with size"),
    ("no scale", "The truth value of an array with more than one element is ambiguous"),
    ("no scale", "cannot reshape array of size"),
    ("no scale", "operands could not be broadcast together"),
    ("softmax16", "AssertionError"),
]


def reference_fails(error, notes, row, ours):
    for rule, text in FAILS:
        if text in error:
            return rule
    return None


def both_refuse(theirs, ours):
    return True


def engine_cannot(error):
    """Models that are right and that this engine has no kernel for."""
    return "NOT_IMPLEMENTED" in error


# --- both make a model --------------------------------------------------------------------------------

def to_contrib(theirs, ours, again):
    """The same nodes in the other domain."""
    for n in theirs.graph.node:
        if n.op_type in ("QuantizeLinear", "DequantizeLinear"):
            n.domain = "com.microsoft"
    if not any(o.domain == "com.microsoft" for o in theirs.opset_import):
        theirs.opset_import.add(domain="com.microsoft", version=1)
    return theirs


def to_half(theirs, ours, again):
    """float32 scales of float16 tensors become float16."""
    half = {t.name for t in ours.graph.initializer if t.data_type == TensorProto.FLOAT16}
    for t in theirs.graph.initializer:
        if t.data_type == TensorProto.FLOAT and t.name in half:
            t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float16), t.name))
    mine = {t.name: t for t in ours.graph.initializer}
    for t in theirs.graph.initializer:      # biases are made with those scales
        if t.data_type == TensorProto.INT32 and t.name in mine:
            a, b = numpy_helper.to_array(t), numpy_helper.to_array(mine[t.name])
            if a.shape == b.shape and np.all(abs(a - b) <= 1 + .01 * abs(b)):
                t.CopyFrom(mine[t.name])
    return theirs


def keep_beta(theirs, ours, again):
    kept = {n.name: n for n in ours.graph.node if n.op_type == "Gemm"}
    for n in theirs.graph.node:
        for a in n.attribute:
            if n.op_type == "Gemm" and a.name == "beta":
                a.f = next(b.f for b in kept[n.name].attribute if b.name == "beta")
    return theirs


def float_bias(theirs, ours, again):
    return again(QDQDisableWeightAdjustForInt32Bias=True, QuantizeBias=False)


def other_name(theirs, ours, again):
    """free_names() renamed the model's tensor; here ours gets the same names."""
    rename(ours, TAKEN[0], lambda n: TAKEN[0] if n == TAKEN[0] + "_1" else n.replace(*TAKEN))
    for m in (ours, theirs):        # names decide the order
        nodes = sorted(m.graph.node, key=lambda n: (n.name, n.op_type))
        nodes = [copy.deepcopy(n) for n in nodes]
        del m.graph.node[:]
        m.graph.node.extend(nodes)
    return theirs


def drop_biases(theirs, ours, again):
    """Biases that are float in ours."""
    there = {t.name for t in theirs.graph.initializer}
    for t in ours.graph.initializer:
        dq = [n for n in theirs.graph.node if n.op_type == "DequantizeLinear" and n.output[0] == t.name]
        if t.name in there or not dq:
            continue
        for old in [i for i in theirs.graph.initializer if i.name in dq[0].input]:
            theirs.graph.initializer.remove(old)
        theirs.graph.node.remove(dq[0])
        theirs.graph.initializer.append(t)
    return theirs


RULES = [
    # (rule, what the quantizer says, does the reference's model fail to load?, the reference's model by the rule)
    ("opset", "opset: ", True, to_contrib),
    ("softmax16", "", True, to_half),
    ("beta", "beta: ", False, keep_beta),
    ("zeroed", "zeroed: ", False, float_bias),
    ("collision", "collision: ", False, other_name),
    ("no scale", "no scale: ", False, drop_biases),     # theirs may load and then fails when run
]


def explain(ours, theirs, notes, load_theirs, again, differences):
    """The rule, or rules, that make the two equal; None: there are none."""
    broken = load_theirs()
    fitting = [r for r in RULES if r[1] in notes and (broken or not r[2])]
    for n in (1, 2):
        for rules in itertools.permutations(fitting, n):
            mine, changed = copy.deepcopy(ours), copy.deepcopy(theirs)
            for _, _, _, rewrite in rules:
                changed = rewrite(changed, mine, again) if changed is not None else None
            if changed is not None and not differences(mine, changed):
                return " and ".join(r[0] for r in rules)
    return None
