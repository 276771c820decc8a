"""Writes the two towers as ONNX graphs, node by node.

Building the graphs by hand instead of tracing them keeps every operator conservative (each one runs
in `rten`), folds batch normalisation into the convolutions, and leaves no trace of the machine.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
LARGE = 100_000  # weights from this size on are stored as int8
INT64 = np.int64


class Graph:
    """A list of nodes and constants under construction; a value is named by a string."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def const(self, array, name=None):
        """Stores an array; returns its name."""
        name = name or self._fresh("c")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(self, kind, *inputs, **attributes):
        """Adds one node; arrays among the inputs become constants. Returns the output's name."""
        names = [x if isinstance(x, str) else self.const(x) for x in inputs]
        out = self._fresh(kind.lower())
        self.nodes.append(helper.make_node(kind, names, [out], **attributes))
        return out

    def weight(self, array, axis=0):
        """Stores a weight small; returns the f32 value's name.

        Large ones become int8 with one scale per slice of `axis`, the rest f16: it is the first layers
        and the depthwise filters that int8 would hurt. Only the storage is small: the runtime turns
        a weight into f32 once, when it loads the model.
        """
        if array.size < LARGE:
            return self.half(array)
        others = tuple(i for i in range(array.ndim) if i != axis)
        scale = np.maximum(np.abs(array).max(axis=others), 1e-12).astype(np.float32) / 127
        shape = [-1 if i == axis else 1 for i in range(array.ndim)]
        quantised = np.clip(np.round(array / scale.reshape(shape)), -127, 127).astype(np.int8)
        return self.op("Mul", self.op("Cast", quantised, to=TensorProto.FLOAT), scale.reshape(shape))

    def half(self, array):
        """Stores a constant as f16; returns the f32 value's name."""
        return self.op("Cast", array.astype(np.float16), to=TensorProto.FLOAT)

    def unit(self, x):
        """Divides each row by its length."""
        squares = self.op("ReduceSum", self.op("Mul", x, x), np.array([-1], INT64), keepdims=1)
        return self.op("Div", x, self.op("Sqrt", self.op("Add", squares, np.float32(1e-12))))

    def rename(self, old, new):
        """Gives a value another name, wherever it is used."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [new if name == old else name for name in names]
        return new

    def build(self, inputs, outputs):
        """The finished model. `inputs` and `outputs` are (name, element type, shape)."""
        value = lambda spec: helper.make_tensor_value_info(*spec)
        graph = helper.make_graph(
            self.nodes, "starter", [value(x) for x in inputs], [value(x) for x in outputs], self.constants
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="")
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model

    def _fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"


# EfficientNet-Lite2: blocks per stage, and the stride of each stage's first block.
STAGES = [(1, 1), (3, 2), (3, 2), (4, 2), (4, 1), (5, 2), (1, 1)]
SIDE = 260
GRID = 9
MAPS = [208, 1280]  # channels of the two maps that are averaged


def efficientnet(g, state, image, store):
    """EfficientNet-Lite2 from normalised pixels to the last feature map, [batch, 1280, 9, 9].

    `store` keeps a convolution weight (exactly or as int8). Returns (map, outputs of the stages).
    """
    size = SIDE

    def conv(x, name, norm, stride=1, relu=True):
        nonlocal size
        weight = state[name + ".weight"]
        gain = state[norm + ".weight"] / np.sqrt(state[norm + ".running_var"] + 1e-3)
        bias = state[norm + ".bias"] - state[norm + ".running_mean"] * gain
        kernel, out = weight.shape[2], -(-size // stride)
        pad = max((out - 1) * stride + kernel - size, 0)  # as TensorFlow's "same": the odd pixel goes last
        group = weight.shape[0] if "depthwise" in name else 1
        before, after = pad // 2, pad - pad // 2
        x = g.op(
            "Conv", x, store(weight * gain[:, None, None, None]), bias,
            kernel_shape=[kernel, kernel], strides=[stride, stride], group=group,
            pads=[before, before, after, after],
        )
        size = out
        return g.op("Clip", x, np.float32(0), np.float32(6)) if relu else x

    x = conv(image, "_conv_stem", "_bn0", stride=2)
    stages, index = [], 0
    for repeats, first_stride in STAGES:
        for repeat in range(repeats):
            block, skip = f"_blocks.{index}.", x
            if block + "_expand_conv.weight" in state:
                x = conv(x, block + "_expand_conv", block + "_bn0")
            x = conv(x, block + "_depthwise_conv", block + "_bn1", first_stride if repeat == 0 else 1)
            x = conv(x, block + "_project_conv", block + "_bn2", relu=False)
            if repeat > 0:
                x = g.op("Add", x, skip)
            index += 1
        stages.append(x)
    return conv(x, "_conv_head", "_bn1"), stages


def pooled_outputs(g, state, image, store):
    """What the image vector is built from: stage 6 averaged over the picture, the last map likewise
    (1,280 features), and the ImageNet logits. The maps and their means are named, so that a program
    can ask what each place of the picture would be by itself."""
    last, stages = efficientnet(g, state, image, store)
    middle = g.op("ReduceMean", stages[5], axes=[2, 3], keepdims=0)
    pooled = g.op("ReduceMean", last, axes=[2, 3], keepdims=0)
    middle, pooled = g.rename(middle, "mean.0"), g.rename(pooled, "mean.1")
    g.rename(stages[5], "map.0"), g.rename(last, "map.1")
    logits = g.op("Add", g.op("MatMul", pooled, store(state["_fc.weight"].T, 1)), state["_fc.bias"])
    return middle, pooled, logits


def minilm(g, state, text, store):
    """MiniLM from token ids to a unit sentence vector, [batch, 384]: the mean over the tokens."""
    heads, width = 12, 384
    head = width // heads
    ids = g.op("Cast", text, to=TensorProto.INT64)
    real = g.op("Cast", g.op("Not", g.op("Equal", ids, np.array(0, INT64))), to=TensorProto.FLOAT)
    mask = g.op("Mul", g.op("Sub", real, np.float32(1)), np.float32(1e4))
    mask = g.op("Unsqueeze", mask, np.array([1, 2], INT64))  # [batch, 1, 1, length]

    def norm(x, name):
        return g.op(
            "LayerNormalization", x, state[name + ".weight"], state[name + ".bias"], axis=-1, epsilon=1e-12
        )

    def linear(x, name, scale=1.0):
        product = g.op("MatMul", x, store(state[name + ".weight"].T * np.float32(scale), 1))
        return g.op("Add", product, state[name + ".bias"] * np.float32(scale))

    def split(x, order):
        return g.op("Transpose", g.op("Reshape", x, np.array([0, 0, heads, head], INT64)), perm=order)

    words = state["embeddings.word_embeddings.weight"]
    scale = np.abs(words).max(1, keepdims=True).astype(np.float32) / 127
    table = np.round(words / np.maximum(scale, 1e-12)).astype(np.int8)
    x = g.op("Cast", g.op("Gather", table, ids, axis=0), to=TensorProto.FLOAT)
    x = g.op("Mul", x, g.op("Gather", scale, ids, axis=0))
    positions = state["embeddings.position_embeddings.weight"][:128]
    positions = positions + state["embeddings.token_type_embeddings.weight"][0]
    length = g.op("Slice", g.op("Shape", ids), np.array([1], INT64), np.array([2], INT64))
    x = g.op("Add", x, g.op("Slice", g.half(positions), np.array([0], INT64), length, np.array([0], INT64)))
    x = norm(x, "embeddings.LayerNorm")
    for i in range(6):
        layer = f"encoder.layer.{i}."
        query = split(linear(x, layer + "attention.self.query", head**-0.5), [0, 2, 1, 3])
        key = split(linear(x, layer + "attention.self.key"), [0, 2, 3, 1])
        value = split(linear(x, layer + "attention.self.value"), [0, 2, 1, 3])
        weights = g.op("Softmax", g.op("Add", g.op("MatMul", query, key), mask), axis=-1)
        heard = g.op("Transpose", g.op("MatMul", weights, value), perm=[0, 2, 1, 3])
        heard = linear(g.op("Reshape", heard, np.array([0, 0, width], INT64)), layer + "attention.output.dense")
        x = norm(g.op("Add", x, heard), layer + "attention.output.LayerNorm")
        inner = linear(x, layer + "intermediate.dense")
        bell = g.op("Add", g.op("Erf", g.op("Mul", inner, np.float32(0.5**0.5))), np.float32(1))
        inner = g.op("Mul", g.op("Mul", inner, np.float32(0.5)), bell)
        x = norm(g.op("Add", x, linear(inner, layer + "output.dense")), layer + "output.LayerNorm")
    real = g.op("Unsqueeze", real, np.array([2], INT64))
    total = g.op("ReduceSum", g.op("Mul", x, real), np.array([1], INT64), keepdims=0)
    return g.unit(total)
