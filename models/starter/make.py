"""Makes the model in the box: fits the link on labelled photos and writes the folder.

    python make.py             fit, export, write SHA256SUMS
    python make.py --check     compare the outputs with SHA256SUMS

Run `python evaluate.py` for the figures.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import evaluate
import export

HERE = Path(__file__).parent
OUTPUT = HERE.parent.parent / "crates/starter/model"
SUMS = HERE / "SHA256SUMS"


def reference_bank(data, link, bare):
    """Image vectors whose scores behave like those of photos never seen.

    A photo the directions were fitted on scores too well. So each vector's part in the span of the
    directions is exchanged for the one that gives the held-out scores; the rest, scaled to keep the
    length at 1, stays.
    """
    vectors, directions = link.images(data.features), link.directions
    span = np.linalg.pinv(directions)  # coordinates from scores
    rest = vectors - vectors @ directions.T @ span.T
    wanted = bare @ span.T
    left = np.sqrt(np.maximum(1 - (wanted**2).sum(1, keepdims=True), 0))
    return wanted + rest * left / np.linalg.norm(rest, axis=1, keepdims=True)


def compare(data, link, bank, trained, bare):
    """Prints how closely the bank's scores follow the held-out ones."""
    vectors = np.array([link.category(prompts) for prompts in data.words["prompts"]])
    scores, seen = bank @ vectors.T, link.images(data.features) @ vectors.T
    print("category: mean, spread held out | bank | photos as fitted")
    for i, category in enumerate(data.categories):
        pairs = [f"{s[:, i].mean():+.3f} {s[:, i].std():.3f}" for s in (trained, scores, seen)]
        print(f"  {category:13}" + " | ".join(pairs))
    black = data.categories.index("bw")
    mono = data.chroma <= evaluate.MONOCHROME
    for name, values in (("held out", trained), ("bank", scores), ("photos as fitted", seen)):
        _, level = evaluate.tags(evaluate.calibrated(values, 0.5), mono, black, 1.3)
        print(f"  level at 1.3 tags a photo, {name}: {level:.4f}")
    _, level = evaluate.tags(evaluate.calibrated(scores, 0.5), mono, black, 1.3)
    passed = np.delete(evaluate.calibrated(trained, 0.5, scores) >= level, black, axis=1).sum(1) + mono
    print(f"  held-out photos under the bank's thresholds: {np.maximum(passed, 1).mean():.2f} tags a photo")


def make():
    """Fits on all photos and writes the outputs."""
    data = evaluate.Data()
    link = data.link(np.ones(len(data.labels), bool))
    trained, _, bare = evaluate.held_out(data, evaluate.folds_by_photo(data, seed=0))
    bank = reference_bank(data, link, bare)
    compare(data, link, bank, trained, bare)
    export.write(OUTPUT, link, bank, data.chroma)
    SUMS.write_text(export.sums(OUTPUT))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare the outputs with SHA256SUMS")
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit(0 if export.sums(OUTPUT) == SUMS.read_text() else "the outputs differ from SHA256SUMS")
    make()
