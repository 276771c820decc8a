"""What the fit works on, as `data/` holds it: the photos' labels and features.

There are two sets of photos: *development*, labelled with the built-in categories, and *free*, with tags.
"""

import json
from pathlib import Path

from safetensors.numpy import load_file

DATA = Path(__file__).parent / "data"
FEATURES = DATA / "features.safetensors"


def labels(name):
    """A set's photos with their labels, in the order of the features."""
    found = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    order = sorted(found, key=lambda i: (not i.isdigit(), len(i), i))
    return {i: found[i] for i in order}


def read(name):
    """A set's features by block."""
    prefix = f"{name}."
    tensors = load_file(FEATURES).items()
    return {key.removeprefix(prefix): values for key, values in tensors if key.startswith(prefix)}
