"""Held-out vectors and scores of the labelled photos, for the experiments on deciding.

    python held_out.py --photos DIR --out FILE.json [--seed 0]

The starter is fitted on four folds and judges the fifth, as its model card describes
(models/starter/evaluate.py): each photo's vector and scores come from a link that never saw it. The
vectors of different folds differ by their standardisation alone. `left_out` are the scores of a category
when neither its photos nor its paraphrases were used; the other score columns are the variants that the
ambiguity table compares. The Rust harness (`bench/deciding`) reads the file.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models/starter"))

import evaluate  # noqa: E402
import features  # noqa: E402

BACKGROUND = [
    "a photograph", "a photo of something", "a picture of an everyday object", "a blurry snapshot",
    "a photo of food on a table", "a screenshot of a document", "a product photo on a white background",
    "an indoor scene with furniture", "a photo of a car", "a close-up of a household object",
]
TEMPLATES = ["{}", "a photo of {}", "a good photo of {}", "a photograph showing {}", "a picture: {}"]


def bare(prompt):
    """A caption without its "a photograph of"."""
    for start in ("a photograph of ", "a photo of "):
        if prompt.startswith(start):
            return prompt[len(start):]
    return prompt


def crops(photo):
    """The four corners and the middle, each 80% of both sides."""
    w, h = photo.size
    cw, ch = int(w * 0.8), int(h * 0.8)
    for x, y in ((0, 0), (w - cw, 0), (0, h - ch), (w - cw, h - ch), ((w - cw) // 2, (h - ch) // 2)):
        yield photo.crop((x, y, x + cw, y + ch))


def variants(images, paths):
    """Features of each photo mirrored, and of its five crops: name -> [views][photos][...]."""
    from PIL import ImageOps

    views = []
    for path in paths:
        photo = features.upright(path)
        views.append([ImageOps.mirror(photo), *crops(photo)])
    found = []
    for view in range(6):
        rows = {name: [] for name in images.NAMES}
        for photo in views:
            values = images.session.run(None, {"image": features.pixels(photo[view])[None]})
            for name, value in zip(images.NAMES, values):
                rows[name].append(value[0])
        found.append({name: np.asarray(values, np.float32) for name, values in rows.items()})
    return found


def main(photos, out, seed):
    data = evaluate.Data(photos)
    texts = features.Texts()
    names = sorted(json.loads((photos / "labels.json").read_text(encoding="utf-8")), key=int)
    files = {path.stem: path for path in (photos / "files").iterdir()}
    other = variants(features.Images(), [files[name] for name in names])
    templated = [
        texts(t.format(bare(p)) for p in category["prompts"] for t in TEMPLATES) for category in data.catalog
    ]
    background = texts(BACKGROUND)

    folds = evaluate.folds_by_photo(data, seed)
    shape = data.labels.shape
    columns = {name: np.zeros(shape) for name in ("trained", "left_out", "templates", "flipped", "cropped")}
    nothing = np.zeros((shape[0], len(BACKGROUND)))
    vectors = None
    for fold in range(evaluate.FOLDS):
        link, test = data.link(folds != fold), folds == fold
        view = lambda f: link.images({name: values[test] for name, values in f.items()})
        seen = view(data.features)
        if vectors is None:
            vectors = np.zeros((shape[0], seen.shape[1]))
        vectors[test] = seen
        unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
        flipped = unit(seen + view(other[0]))
        cropped = unit(seen + np.mean([view(f) for f in other[1:]], axis=0))
        nothing[test] = seen @ link.texts(background).T
        everything = link.kernel()
        for i, prompts in enumerate(data.words["prompts"]):
            direction = link.category(prompts, everything)
            columns["trained"][test, i] = seen @ direction
            columns["flipped"][test, i] = flipped @ direction
            columns["cropped"][test, i] = cropped @ direction
            columns["templates"][test, i] = seen @ link.category(templated[i], everything)
            columns["left_out"][test, i] = seen @ link.category(prompts, link.kernel(left_out=i))
    rounded = lambda a: np.round(a, 6).tolist()
    out.write_text(json.dumps({
        "categories": data.categories,
        "photos": names,
        "folds": folds.tolist(),
        "tags": data.labels.tolist(),
        "unsure": data.unsure.tolist(),
        "monochrome": rounded(1 - data.chroma),
        "vectors": rounded(vectors),
        "background": rounded(nothing),
        **{name: rounded(values) for name, values in columns.items()},
    }))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    main(arguments.photos, arguments.out, arguments.seed)
