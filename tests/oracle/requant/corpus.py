"""Small graphs for the quantizer's differential test: those of fixtures/gen/small.py and more.

GRAPHS maps a name to a function that makes a Builder. Weights are random with fixed seeds.
"""
import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "fixtures" / "gen"))
import small  # noqa: E402
from small import Builder  # noqa: E402

GRAPHS = {}


def graph(f):
    GRAPHS[f.__name__] = f
    return f


def add(name, f):
    GRAPHS[name] = f


def f32(*v):
    return np.array(v, np.float32)


def ints(*v):
    return np.array(v, np.int64)


IMAGE = [1, 3, 6, 6]

# --- those of the other oracle tests -------------------------------------------------------------

for _o in (10, 11, 12, 13, 17, 19, 21):
    add(f"conv_relu_opset{_o}", lambda o=_o: small.conv_relu(o))
add("conv_relu_unnamed", lambda: small.conv_relu(unnamed=True))
add("conv_relu_f16_opset13", lambda: small.conv_relu(13, np.float16))
add("conv_relu_f16_opset21", lambda: small.conv_relu(21, np.float16))
for _f in (small.residual, small.shared_bias, small.batch_norm, small.gemms, small.movement,
           small.gather_table, small.where, small.layer_norm, small.scalars,
           small.identity_weights, small.constant_weights, small.several_inputs, small.subgraph,
           small.zero_signal, small.integer_output, small.scalar_output, small.unary_chain,
           small.conv_transpose, small.double_precision_side):
    add(_f.__name__, _f)


# --- convolutions and clamps ---------------------------------------------------------------------

@graph
def conv_relu_gap():
    b = Builder()
    a = b.node("Relu", b.conv(b.input([1, 3, 8, 8]), 3, 4))
    f = b.node("Flatten", b.node("GlobalAveragePool", a))
    b.output(b.node("MatMul", f, b.weight(4, 3), out="y"))
    return b


@graph
def relu_chain():
    """Two removable clamps in a row; then one whose input has two consumers."""
    b = Builder()
    r = b.node("Relu", b.node("Relu", b.conv(b.input(IMAGE), 3, 4)))
    d = b.conv(r, 4, 4)
    b.output(b.node("Add", b.node("Relu", d), d, out="y"))
    return b


@graph
def relu_of_output():
    b = Builder()
    c = b.output(b.conv(b.input(IMAGE), 3, 4))
    b.output(b.node("Relu", c, out="y"))
    return b


@graph
def relu_first():
    """A clamp behind a graph input, and a removed one that is the graph output."""
    b = Builder()
    r = b.node("Relu", b.input(IMAGE))
    b.output(b.node("Clip", b.conv(r, 3, 4), b.const(np.float32(0)), b.const(np.float32(6)), out="y"))
    return b


@graph
def clip_off_zero():
    b = Builder()
    c = b.conv(b.input(IMAGE), 3, 4)
    a = b.node("Clip", c, b.const(np.float32(1)), b.const(np.float32(2)))
    b.output(b.node("MatMul", a, b.weight(6, 3), out="y"))
    return b


@graph
def depthwise():
    b = Builder()
    a = b.node("Conv", b.input([1, 4, 6, 6]), b.weight(4, 1, 3, 3), b.weight(4), group=4,
               kernel_shape=[3, 3])
    a = b.node("Clip", a, b.const(np.float32(0)), b.const(np.float32(6)))
    b.output(b.node("Conv", a, b.weight(2, 4, 1, 1), kernel_shape=[1, 1], out="y"))
    return b


@graph
def shared_weight():
    b = Builder()
    w, c = b.weight(3, 3, 3, 3, name="w"), b.weight(3, name="b")
    a = b.input(IMAGE)
    for _ in range(3):
        a = b.node("Conv", a, w, c, kernel_shape=[3, 3], pads=[1] * 4)
    b.output(b.node("Sigmoid", a, out="y"))
    return b


@graph
def shared_bias_unnamed():
    b = Builder(unnamed=True)
    x = b.input(IMAGE)
    bias = b.const(f32(.1, -.2, .3, .4), "shared")
    p, q = b.conv(x, 3, 4, bias=bias), b.conv(x, 3, 4, bias=bias)
    b.output(b.node("Mul", p, q, out="y"))
    return b


@graph
def shared_bias_numbers():
    """Names that look like earlier copies of the bias."""
    b = Builder()
    x = b.input(IMAGE)
    bias = b.const(f32(.1, -.2, .3, .4), "B")
    b.const(f32(1), "B7")
    p, q = b.conv(x, 3, 4, bias=bias), b.conv(x, 3, 4, bias=bias)
    s = b.node("Add", q, b.conv(p, 4, 4, bias=bias))
    b.output(b.node("Mul", s, "B7", out="y"))
    return b


@graph
def bias_in_add():
    b = Builder()
    bias = b.const(f32(.1, -.2, .3, .4), "B")
    c = b.conv(b.input([1, 3, 6, 4]), 3, 4, bias=bias)
    b.output(b.node("Add", c, bias, out="y"))
    return b


@graph
def dynamic_weight():
    b = Builder()
    x, w = b.input(IMAGE), b.input([4, 3, 3, 3], "w")
    c = b.node("Conv", x, w, b.const(f32(.1, .2, .3, .4)), kernel_shape=[3, 3])
    b.output(b.node("Relu", c, out="y"))
    return b


@graph
def dynamic_bias():
    b = Builder()
    g = b.node("Gemm", b.input([4, 6]), b.weight(6, 5), b.input([5], "v"))
    b.output(b.node("Relu", g, out="y"))
    return b


def small_weights(factor):
    b = Builder()
    w = b.const((b.rng.normal(size=(4, 3, 3, 3)) * factor).astype(np.float32), "W")
    b.output(b.node("Conv", b.input(IMAGE), w, b.const(f32(5, -3, 1, 900), "B"),
                    kernel_shape=[3, 3], out="y"))
    return b


add("tiny_weights", lambda: small_weights(5e-4))
add("zeroed_weights", lambda: small_weights(1e-11))


@graph
def dead_channel():
    b = Builder()
    w = b.rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    w[1] = 0
    w[2] *= 1e-12
    b.output(b.node("Conv", b.input(IMAGE), b.const(w, "W"), b.const(f32(5, -3, 1, 9), "B"),
                    kernel_shape=[3, 3], out="y"))
    return b


@graph
def zero_weights():
    b = Builder()
    m = b.node("MatMul", b.input([2, 6]), b.const(np.zeros((6, 4), np.float32)))
    b.output(b.node("Add", m, b.const(np.zeros(4, np.float32)), out="y"))
    return b


@graph
def instance_norm():
    b = Builder()
    x = b.conv(b.input([2, 3, 6, 6]), 3, 4)
    n = b.node("InstanceNormalization", x, b.const(f32(1, .5, 2, 1)), b.const(f32(.1, 0, .2, -.3)))
    b.output(b.node("LeakyRelu", n, out="y", alpha=.2))
    return b


@graph
def batch_norm_chain():
    b = Builder()
    n = b.node("BatchNormalization", b.input([2, 3, 6, 6]), b.const(f32(1, .5, 2)),
               b.const(f32(.1, 0, .2)), b.const(f32(0, .1, .2)), b.const(f32(1, 2, .5)))
    b.output(b.node("Relu", b.conv(n, 3, 2), out="y"))
    return b


@graph
def layer_norm_no_bias():
    b = Builder(17)
    w = b.const(b.rng.uniform(.5, 2, 8).astype(np.float32))
    n = b.node("LayerNormalization", b.input([2, 5, 8]), w, axis=-1)
    b.output(b.node("MatMul", n, b.weight(8, 4), out="y"))
    return b


# --- matrices ------------------------------------------------------------------------------------

def gemm_beta(beta):
    b = Builder()
    g = b.node("Gemm", b.input([4, 6]), b.weight(6, 5), b.weight(5), beta=beta)
    b.output(b.node("Gemm", g, b.weight(3, 5), b.weight(3), transB=1, alpha=.5, out="y"))
    return b


add("gemm_beta", lambda: gemm_beta(.5))
add("gemm_beta_zero", lambda: gemm_beta(0.))
add("gemm_beta_one", lambda: gemm_beta(1.))


@graph
def gemm_odd_biases():
    b = Builder()
    g = b.node("Gemm", b.input([4, 6]), b.weight(6, 5), b.const(f32(.3)))
    b.output(b.node("Gemm", g, b.weight(5, 3), b.const(f32(.1, .2, .3).reshape(1, 3)), out="y"))
    return b


@graph
def gemm_no_bias():
    b = Builder()
    b.output(b.node("Gemm", b.input([4, 6]), b.weight(6, 5), out="y"))
    return b


@graph
def attention():
    b = Builder()
    x = b.input([2, 4, 6])
    q, k = b.node("MatMul", x, b.weight(6, 6)), b.node("MatMul", x, b.weight(6, 6))
    s = b.node("Softmax", b.node("MatMul", q, b.node("Transpose", k, perm=[0, 2, 1])), axis=-1)
    b.output(b.node("MatMul", s, x, out="y"))
    return b


@graph
def matmul_constant_left():
    b = Builder()
    m = b.node("MatMul", b.weight(3, 4), b.input([4, 5]))
    b.output(b.node("MatMul", m, b.weight(5), out="y"))
    return b


@graph
def matmul_batched_weight():
    b = Builder()
    b.output(b.node("MatMul", b.input([2, 3, 4]), b.weight(2, 4, 5), out="y"))
    return b


@graph
def weight_in_add_and_matmul():
    """The activation's type wins, as the Add comes first."""
    b = Builder()
    w = b.weight(6, 6)
    b.output(b.node("MatMul", b.node("Add", b.input([6, 6]), w), w, out="y"))
    return b


@graph
def weight_is_output():
    b = Builder()
    w = b.weight(6, 6, name="w")
    b.output(b.node("MatMul", b.input([2, 6]), w, out="y"))
    b.output(w)
    return b


# --- movement ------------------------------------------------------------------------------------

@graph
def split_concat_pad_clip():
    b = Builder()
    t = b.node("Transpose", b.input([1, 4, 4, 6]), perm=[0, 3, 1, 2])
    p, q = b.node("Split", t, n=2, axis=1)
    d = b.node("Pad", b.node("Concat", q, p, axis=1), b.const(ints(0, 0, 1, 1, 0, 0, 1, 1)))
    b.output(b.node("Clip", d, b.const(np.float32(-1)), b.const(np.float32(1)), out="y"))
    return b


def pad(mode, value):
    b = Builder()
    args = [b.conv(b.input(IMAGE), 3, 3), b.const(ints(0, 0, 1, 1, 0, 0, 1, 1))]
    if value is not None:
        args.append(b.const(np.float32(value)))
    b.output(b.node("Pad", *args, mode=mode, out="y"))
    return b


add("pad_zero", lambda: pad("constant", 0))
add("pad_ten", lambda: pad("constant", -10))
add("pad_reflect", lambda: pad("reflect", None))
add("pad_edge", lambda: pad("edge", None))


@graph
def pad_opset10():
    b = Builder(10)
    p = b.node("Pad", b.conv(b.input(IMAGE), 3, 3), pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.)
    b.output(b.node("Pad", p, pads=[0, 0, 1, 1, 0, 0, 1, 1], value=2., out="y"))
    return b


@graph
def pool_old():
    b = Builder(11)
    m = b.node("MaxPool", b.conv(b.input([1, 3, 8, 8]), 3, 3), kernel_shape=[2, 2], strides=[2, 2])
    b.output(b.node("AveragePool", m, kernel_shape=[2, 2], out="y"))
    return b


@graph
def movement_first():
    b = Builder()
    t = b.node("Transpose", b.input([4, 6]), perm=[1, 0])
    t = b.node("Reshape", t, b.const(ints(4, 6)))
    u = b.node("Unsqueeze", b.node("MatMul", t, b.weight(6, 4)), b.const(ints(0)))
    b.output(b.node("Squeeze", u, b.const(ints(0)), out="y"))
    return b


@graph
def movement_to_output():
    b = Builder()
    m = b.node("MatMul", b.input([4, 6]), b.weight(6, 4))
    t = b.output(b.node("Transpose", m, perm=[1, 0], out="t"))
    s = b.node("Slice", t, b.const(ints(0)), b.const(ints(2)))
    b.output(b.node("Add", s, b.const(f32(.5)), out="y"))
    return b


@graph
def topk():
    b = Builder()
    m = b.node("MatMul", b.input([4, 6]), b.weight(6, 8))
    v, i = b.node("TopK", m, b.const(ints(3)), n=2, axis=1)
    b.output(b.node("Mul", v, b.const(f32(2)), out="y"))
    b.output(i, TensorProto.INT64)
    return b


@graph
def gather_elements():
    b = Builder()
    i = b.input([2, 3], "ids", TensorProto.INT64)
    m = b.node("MatMul", b.input([2, 8], "a"), b.weight(8, 8))
    e = b.node("GatherElements", m, i, axis=1)
    b.output(b.node("Add", e, b.const(f32(1, 2, 3)), out="y"))
    return b


@graph
def cumsum():
    b = Builder()
    s = b.node("CumSum", b.input([3, 5]), b.const(np.array(1, np.int64)))
    b.output(b.node("Softmax", s, axis=1, out="y"))
    return b


@graph
def softmax_middle():
    b = Builder()
    s = b.node("Softmax", b.node("MatMul", b.input([3, 5]), b.weight(5, 4)), axis=1)
    b.output(b.node("MatMul", s, b.weight(4, 2), out="y"))
    return b


@graph
def softmax_f16():
    b = Builder(21)
    x = b.input([3, 5], dtype=TensorProto.FLOAT16)
    s = b.node("Softmax", b.node("MatMul", x, b.weight(5, 4, kind=np.float16)), axis=1)
    b.output(b.node("MatMul", s, b.weight(4, 2, kind=np.float16), out="y"), TensorProto.FLOAT16)
    return b


@graph
def used_twice():
    b = Builder()
    m = b.node("MatMul", b.input([3, 5]), b.weight(5, 4))
    a = b.node("Add", b.node("Mul", m, m), m)
    b.output(b.node("MatMul", a, b.weight(4, 2), out="y"))
    return b


@graph
def not_in_table():
    """Operators that are only quantized when asked for."""
    b = Builder()
    a = b.node("Tanh", b.conv(b.input(IMAGE), 3, 4))
    a = b.node("Div", a, b.const(f32(1.5)))
    a = b.node("Sub", a, b.node("Erf", a))
    b.output(b.node("ReduceMean", a, axes=[2, 3], keepdims=0, out="y"))
    return b


@graph
def dead_end():
    b = Builder()
    b.weight(3, 3, name="unused")
    m = b.node("MatMul", b.input([3, 5]), b.weight(5, 4))
    b.node("Relu", m)
    b.output(b.node("Sigmoid", m, out="y"))
    return b


@graph
def constants_shared():
    """One Constant behind two Identities, and a Constant that is an operand."""
    b = Builder()
    k = b.constant_node((b.rng.normal(size=(5, 5)) * .3).astype(np.float32), "k")
    p, q = b.node("Identity", k, out="p"), b.node("Identity", k, out="q")
    m = b.node("MatMul", b.node("MatMul", b.input([3, 5]), p), q)
    b.output(b.node("Mul", m, b.constant_node(f32(.5), "half"), out="y"))
    return b


@graph
def quantized_before():
    """Weights that are int8 behind a DequantizeLinear already, and one transposed behind it."""
    b = Builder()
    codes = b.const(b.rng.integers(-100, 100, (5, 5)).astype(np.int8), "W8")
    w = b.node("DequantizeLinear", codes, b.const(np.float32(.01), "W8s"), b.const(np.int8(0), "W8z"))
    g = b.node("Gemm", b.input([2, 5]), w, b.weight(5), transB=1)
    m = b.node("MatMul", b.node("Relu", g), w)
    b.output(b.node("MatMul", m, b.node("Transpose", w, perm=[1, 0]), out="y"))
    return b


@graph
def name_taken():
    """The model has a tensor of the name the quantizer wants for a scale."""
    b = Builder()
    c = b.conv(b.input(IMAGE), 3, 4)
    n = b.node("Mul", c, b.const(f32(7), "bn_scale"), out="bn")
    b.output(b.node("Add", n, b.const(f32(.5)), out="y"))
    return b


@graph
def body_reads():
    """The body of an If reads what is between a Conv and its Relu."""
    b = Builder()
    x = b.input([1, 3, 4, 4])
    flag = b.input([], "flag", TensorProto.BOOL)
    c = b.conv(x, 3, 3)
    r = b.node("Relu", c)
    info = [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)]
    then = helper.make_graph([helper.make_node("Mul", [c, "two"], ["t"])], "t", [], info,
                             [numpy_helper.from_array(np.float32(2), "two")])
    info = [helper.make_tensor_value_info("e", TensorProto.FLOAT, None)]
    other = helper.make_graph([helper.make_node("Abs", [c], ["e"])], "e", [], info)
    i = b.node("If", flag, then_branch=then, else_branch=other)
    b.output(b.node("Add", i, r, out="y"))
    return b


@graph
def old_ir():
    """Initializers that are graph inputs too (IR version 3)."""
    b = Builder(10)
    b.output(b.node("Relu", b.conv(b.input(IMAGE), 3, 4), out="y"))
    for t in b.inits:
        b.inputs.append(helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)))
    return b


@graph
def output_used_on():
    b = Builder()
    c = b.output(b.conv(b.input(IMAGE), 3, 4))
    d = b.output(b.node("Add", c, c))
    b.output(b.node("MaxPool", d, kernel_shape=[2, 2], out="y"))
    return b


@graph
def lstm():
    b = Builder(14)
    _, h = b.node("LSTM", b.input([4, 2, 3]), b.weight(1, 16, 3), b.weight(1, 16, 4), n=2,
                  hidden_size=4)
    b.output(b.node("MatMul", b.node("Squeeze", h, b.const(ints(0))), b.weight(4, 3)))
    return b


@graph
def table_shared():
    """A table that is also the output projection."""
    b = Builder()
    table = b.weight(10, 8, name="table")
    e = b.node("Gather", table, b.input([2, 3], "ids", TensorProto.INT64))
    b.output(b.node("MatMul", e, b.node("Transpose", table, perm=[1, 0]), out="y"))
    return b


def model_of(name):
    """A model and its calibration samples."""
    model = GRAPHS[name]().model()
    if name == "old_ir":
        model.ir_version = 3
    constant = {t.name for t in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in constant]
    rng = np.random.default_rng(7)
    samples = []
    for _ in range(2):
        feed = {}
        for i in inputs:
            t = i.type.tensor_type
            shape = [d.dim_value or 3 for d in t.shape.dim]
            kind = small.KIND[t.elem_type]
            if kind == np.int64:
                feed[i.name] = rng.integers(0, 7, shape)
            elif kind == np.bool_:
                feed[i.name] = np.asarray(rng.integers(0, 2, shape), bool)
            else:
                feed[i.name] = np.asarray(rng.normal(size=shape)).astype(kind)
        samples.append(feed)
    return model, samples
