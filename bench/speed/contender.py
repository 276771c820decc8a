"""What people run today, in Python: one way a process, so that its memory can be told.

    python contender.py WAY FOLDER THREADS PHOTO... > vectors.npy

`script` is the usual script: open_clip, f32, one photo at a time. `batched` is the best that PyTorch does:
bf16 weights, batches of 16, a loader with a process for each thread. `onnx` is ONNX Runtime on the model
FOLDER/visual-int8.onnx, with the same loader.
"""

import json
import sys
from pathlib import Path

import numpy
import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageOps

BATCH = 16


class Photos(torch.utils.data.Dataset):
    def __init__(self, paths, transform):
        self.paths, self.transform = paths, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, at):
        return self.transform(ImageOps.exif_transpose(Image.open(self.paths[at])).convert("RGB"))


def main():
    way, folder, threads, *paths = sys.argv[1:]
    threads = int(threads)
    torch.set_num_threads(threads)
    if way == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(f"{folder}/visual-int8.onnx", options)
        config = json.loads(Path(folder, "open_clip_config.json").read_text())
        transform = image_transform_v2(PreprocessCfg(**config["preprocess_cfg"]), False)
        encode = lambda batch: torch.from_numpy(session.run(None, {"pixels": batch.numpy()})[0])
    else:
        model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
        model.eval()
        encode = model.encode_image
        if way == "batched":
            model = model.to(torch.bfloat16)
            encode = lambda batch: model.encode_image(batch.to(torch.bfloat16))
    photos = Photos(paths, transform)
    if way == "script":
        batches = (photos[at][None] for at in range(len(photos)))
    else:
        batches = torch.utils.data.DataLoader(photos, BATCH, num_workers=threads)
    with torch.inference_mode():
        vectors = torch.cat([encode(batch).float() for batch in batches])
    numpy.save(sys.stdout.buffer, torch.nn.functional.normalize(vectors, dim=-1).numpy())


if __name__ == "__main__":
    main()
