"""Collects what the fit works on: the photos' features, so that nobody needs the photos to fit again.

    python collect.py --development DIR --free DIR

Both folders hold files/. Writes data/features.safetensors: of the development photos what the towers give, in f32; of
the free photos the two blocks that tags are found in, in f16. The rows are in the order of `dataset.labels`.
"""

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import dataset
import features
import fit


def collect(folders):
    """Embeds the photos of both sets and writes the file."""
    images, tensors = features.Images(), {}
    basis = fit.classifier_basis(features.image_weights()["_fc.weight"])
    for name, folder in folders.items():
        files = {path.stem: path for path in (folder / "files").iterdir()}
        found = images([files[i] for i in dataset.labels(name)])
        if name == "free":
            found = {"middle": found["middle"], "pooled": found["pooled"] @ basis}
            found = {block: values.astype(np.float16) for block, values in found.items()}
        for block, values in found.items():
            tensors[f"{name}.{block}"] = np.ascontiguousarray(values)
    save_file(tensors, dataset.FEATURES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--development", type=Path, required=True)
    parser.add_argument("--free", type=Path, required=True)
    arguments = parser.parse_args()
    collect({"development": arguments.development, "free": arguments.free})
