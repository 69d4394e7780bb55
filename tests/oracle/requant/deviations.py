"""Where the quantizer is not the reference: the only table of that.

A rule has a name (those of src/requant/plan.h), a condition on the run, and a way to make the reference's model what
the rule says; after that the two must be equal. Rules for models the reference cannot make, or that do not load, have
no such way and say why.
"""
import copy


# --- the reference raises, and ours is a model (it is opened by the engine in any case) -------------

FAILS = [
    # (rule, text in the reference's error)
    ("endless", "does not come to an end"),
    ("no scale", "Unable to get valid quantization scale"),
    ("no scale", "index 1 is out of bounds for axis 0 with size 1"),
    ("no scale", "The truth value of an array with more than one element is ambiguous"),
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


# --- both make a model ---------------------------------------------------------------------------------

def to_contrib(theirs, ours):
    """Rule opset: the same nodes in the other domain."""
    for n in theirs.graph.node:
        if n.op_type in ("QuantizeLinear", "DequantizeLinear"):
            n.domain = "com.microsoft"
    if not any(o.domain == "com.microsoft" for o in theirs.opset_import):
        theirs.opset_import.add(domain="com.microsoft", version=1)


REWRITES = [
    # (rule, is it said in the notes?, rewrite, must the reference's model fail to load?)
    ("opset", "opset: ", to_contrib, True),
]


def explain(name, row, ours, theirs, notes, load_theirs, differences):
    for rule, note, rewrite, fails in REWRITES:
        if note not in notes or (fails and not load_theirs()):
            continue
        changed = copy.deepcopy(theirs)
        rewrite(changed, ours)
        if not differences(ours, changed):
            return rule
    return None
