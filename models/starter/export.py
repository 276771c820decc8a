"""Bakes a fitted model into the two ONNX graphs and writes the folder that the program embeds."""

import hashlib
import json

import numpy as np
import onnx
from onnx import TensorProto
from safetensors.numpy import save

import features
import fit
import graph
from bank import WIDTH

REVISION = 2


def visual(link, exact=False):
    """Pixels to the unit image vector. `exact` keeps f32 weights, for comparison."""
    g = graph.Graph()
    store = (lambda array, axis=0: g.const(array)) if exact else g.weight
    middle, pooled, logits = graph.pooled_outputs(g, features.image_weights(), "image", store)

    def standardised(x, mean, spread):
        return g.unit(g.op("Mul", g.op("Sub", x, mean), np.float32(1) / spread))

    middle = standardised(middle, link.middle_mean, link.middle_spread)
    pooled = g.op("MatMul", pooled, g.half(link.basis))
    pooled = standardised(pooled, link.pooled_mean, link.pooled_spread)
    seen = g.unit(g.op("Concat", middle, g.op("Mul", pooled, np.float32(fit.POOLED)), axis=1))
    chances = g.op("Softmax", g.op("Mul", logits, np.float32(1 / fit.TEMPERATURE)), axis=-1)
    meaning = g.unit(g.op("MatMul", chances, g.half(link.classes)))
    g.unit(g.op("Concat", seen, g.op("Mul", meaning, np.float32(fit.CONSE)), axis=1))
    places = []
    for number, channels in enumerate(graph.MAPS):
        places.append((f"map.{number}", TensorProto.FLOAT, ["batch", channels, graph.GRID, graph.GRID]))
        places.append((f"mean.{number}", TensorProto.FLOAT, ["batch", channels]))
    return finish(g, ("image", TensorProto.FLOAT, ["batch", 3, graph.SIDE, graph.SIDE]), link, places)


def textual(link, exact=False):
    """Token ids, padded with 0, to the unit text vector."""
    g = graph.Graph()
    store = (lambda array, axis=0: g.const(array)) if exact else g.weight
    sentence = graph.minilm(g, features.text_weights(), "text", store)
    anchors, shares = link.kernel()
    meaning = g.unit(g.op("Sub", sentence, link.centre))
    gates = g.op("MatMul", near_to(g, meaning, anchors, fit.WIDTH), (fit.WEIGHT * shares).astype(np.float32))
    correction = g.op("MatMul", gates, g.half(link.directions))
    bank = link.bank
    tags = g.op("MatMul", near_to(g, meaning, bank.anchors, WIDTH), g.half(fit.BANK * bank.shares))
    looks = g.op("MatMul", tags, g.half(bank.directions))
    both = g.op("Concat", looks, g.op("Mul", meaning, np.float32(fit.TEXT)), axis=1)
    g.unit(g.op("Add", correction, both))
    return finish(g, ("text", TensorProto.INT32, ["batch", "length"]), link)


def near_to(g, meaning, anchors, width):
    """The kernel exp((cos - 1) / width) of centred texts and anchors."""
    far = g.op("Sub", g.op("MatMul", meaning, g.weight(anchors.T, 1)), np.float32(1))
    return g.op("Exp", g.op("Mul", far, np.float32(1 / width)))


def finish(g, source, link, more=()):
    """The model whose output "embedding" is the value of the last node; `more` outputs come after it."""
    g.nodes[-1].output[0] = "embedding"
    vector = ("embedding", TensorProto.FLOAT, ["batch", link.directions.shape[1]])
    return g.build([source], [vector, *more])


def write(folder, link, bank, chroma):
    """Writes the model folder; `bank` is the reference image vectors, `chroma` that of their photos."""
    for tower, model in (("visual", visual(link)), ("textual", textual(link))):
        (folder / tower).mkdir(parents=True, exist_ok=True)
        onnx.save(model, folder / tower / "model.onnx")
    preprocess = {
        "size": [graph.SIDE, graph.SIDE], "mode": "RGB",
        "mean": [features.MEAN] * 3, "std": [features.STD] * 3,
        "interpolation": "bicubic", "resize_mode": "squash", "fill_color": 0,
    }
    config = {
        "embed_dim": bank.shape[1], "text_cfg": {"context_length": 128}, "name": "starter", "revision": REVISION,
    }
    (folder / "visual/preprocess_cfg.json").write_text(json.dumps(preprocess, indent=2) + "\n")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "textual/tokenizer.json").write_text(features.tokenizer_json(), encoding="utf-8")
    tensors = {"image_vectors": bank.astype(np.float16), "monochrome": (1 - chroma).astype(np.float32)}
    (folder / "reference.safetensors").write_bytes(save(tensors))


def sums(folder):
    """SHA-256 of every output, one `sum  path` a line, as sha256sum writes it."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}" for p in files]
    return "\n".join(lines) + "\n"
