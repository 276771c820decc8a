"""Cross-validated figures of the recipe, and the held-out scores that the reference bank is made of.

    python evaluate.py

Nothing is judged on a photo it was fitted on.
"""

import csv
import json
from pathlib import Path

import numpy as np

import bank
import dataset
import features
import fit

HERE = Path(__file__).parent
FOLDS, SEEDS = 5, 5
MONOCHROME = 0.06  # a photo whose 99th percentile of chroma is at or under this is black and white


class Free:
    """The free photos: tags, features, and the texts that stand for tags."""

    def __init__(self):
        self.tags = bank.Tags()
        self.texts, self.owner = self.tags.anchors()
        self.features = {block: values.astype(np.float32) for block, values in dataset.read("free").items()}


class Data:
    """The labelled photos, their features, and the texts' MiniLM vectors."""

    def __init__(self):
        self.catalog = json.loads((HERE / "catalog.json").read_text(encoding="utf-8"))
        self.categories = [category["id"] for category in self.catalog]
        paraphrases = json.loads((HERE / "paraphrases.json").read_text(encoding="utf-8"))
        labels = dataset.labels("development")
        table = lambda key: np.array([[c in photo[key] for c in self.categories] for photo in labels.values()])
        self.labels, self.unsure = table("tags"), table("unsure")
        self.features = dataset.read("development")
        self.chroma = self.features.pop("chroma")
        with open(dataset.DATA / "development.tsv", encoding="utf-8", newline="") as file:
            sources = {Path(row["file"]).stem: row["source"] for row in csv.DictReader(file, delimiter="\t")}
        self.ids = list(labels)
        self.sources = np.array([sources[name] for name in self.ids])
        self.free = Free()

        texts = features.Texts()
        self.words = {
            "classes": texts(f"a photograph of a {name}" for name in features.class_names()),
            "anchors": texts(self.free.texts),
            "prompts": [texts(category["prompts"]) for category in self.catalog],
        }
        self.paraphrases = [texts(paraphrases[c]) for c in self.categories]
        self.words["wordings"] = [np.concatenate(pair) for pair in zip(self.words["prompts"], self.paraphrases)]
        self.own = {
            name: (texts(category["prompts"]), *(np.isin(self.ids, [str(i) for i in category[key]]) for key in ("photos", "unsure")))
            for name, category in json.loads((dataset.DATA / "own.json").read_text(encoding="utf-8")).items()
        }
        self.basis = fit.classifier_basis(features.image_weights()["_fc.weight"])

    def link(self, rows):
        """The link fitted on some of the photos."""
        return fit.Link(self.features, self.labels, self.unsure, self.words, self.basis, rows, self.free)


def folds_by_photo(data, seed):
    """A fold number for each photo."""
    return np.random.default_rng(seed).permutation(len(data.labels)) % FOLDS


def folds_by_source(data, seed):
    """The same with all photos of one source in one fold, the folds about equally large."""
    random = np.random.default_rng(seed)
    names, counts = np.unique(data.sources, return_counts=True)
    fold, load = np.zeros(len(data.labels), int), np.zeros(FOLDS)
    for i in np.argsort(-counts - random.random(len(names)), kind="stable"):
        lightest = int(np.argmin(load + 6 * random.random(FOLDS)))
        fold[data.sources == names[i]] = lightest
        load[lightest] += counts[i]
    return fold


def held_out(data, folds):
    """Held-out scores, [photo, category]: of the catalog's categories when trained, of the same when
    each is left out of training, and of the bare directions."""
    shape = data.labels.shape
    trained, untrained, bare = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for fold in range(FOLDS):
        link, test = data.link(folds != fold), folds == fold
        vectors = link.images({name: values[test] for name, values in data.features.items()})
        bare[test] = vectors @ link.directions.T
        everything = link.kernel()
        for i, prompts in enumerate(data.words["prompts"]):
            trained[test, i] = vectors @ link.category(prompts, everything)
            untrained[test, i] = vectors @ link.category(prompts, link.kernel(left_out=i))
    return trained, untrained, bare


def own_categories(data):
    """Average precision of each category of data/own.json on the development photos, by its prompts alone."""
    link = data.link(np.ones(len(data.labels), bool))
    vectors = link.images(data.features)
    return {
        name: average_precision(right[~unsure], (vectors @ link.category(prompts))[~unsure])
        for name, (prompts, right, unsure) in data.own.items()
    }


def reworded(data):
    """mAP of the built-in categories but black and white, held out by photo, each named by every third of its
    paraphrases, which are no anchors then."""
    folds, black = folds_by_photo(data, 0), data.categories.index("bw")
    scores = np.zeros(data.labels.shape)
    for fold in range(FOLDS):
        link, test = data.link(folds != fold), folds == fold
        vectors = link.images({name: values[test] for name, values in data.features.items()})
        fitted = [len(prompts) for prompts in data.words["prompts"]]
        asked = [rows[size:][::3] for rows, size in zip(data.words["wordings"], fitted)]
        link.wordings = [np.delete(rows, np.arange(size, len(rows))[::3], 0) for rows, size in zip(link.wordings, fitted)]
        kernel = link.kernel()
        for i, prompts in enumerate(asked):
            scores[test, i] = vectors @ link.category(prompts, kernel)
    found = average_precisions(data, scores)
    return np.delete(found, black).mean()


def average_precision(right, scores):
    """Area under precision over recall, summed at each right answer."""
    right = right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(right) / np.arange(1, len(right) + 1))[right].mean())


def average_precisions(data, scores, measured=True):
    """One a category; black and white is measured from pixels unless told otherwise."""
    found = []
    for i, category in enumerate(data.categories):
        sure = ~data.unsure[:, i]
        values = -data.chroma if measured and category == "bw" else scores[:, i]
        found.append(average_precision(data.labels[sure, i], values[sure]))
    return np.array(found)


def tags(scores, monochrome, measured, target):
    """Automatic thresholds: one level for all categories so that photos have `target` tags on average,
    the measured category and the fallback (a photo's best category) included. Returns tags, level."""
    scores = scores.copy()
    scores[:, measured] = -np.inf
    fixed = np.zeros(scores.shape, bool)
    fixed[:, measured] = monochrome
    levels = np.sort(scores[np.isfinite(scores)])[::-1]
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        chosen = fixed | (scores >= levels[middle])
        count = chosen.sum() + (~chosen.any(1)).sum()
        low, high = (middle + 1, high) if count < target * len(scores) else (low, middle)
    chosen = fixed | (scores >= levels[low])
    empty = ~chosen.any(1)
    chosen[empty, scores[empty].argmax(1)] = True
    return chosen, levels[low]


def calibrated(scores, power, reference=None):
    """Scores minus their mean, divided by a power of their spread, each category for itself."""
    reference = scores if reference is None else reference
    return (scores - reference.mean(0)) / reference.std(0) ** power


def precision_recall(data, chosen):
    """Micro-averaged precision, recall and F1, and those per category as rows."""
    sure = ~data.unsure
    hits, given, wanted = chosen & data.labels & sure, chosen & sure, data.labels & sure
    rates = lambda h, g, w: (h / max(g, 1), h / max(w, 1), 2 * h / max(g + w, 1))
    rows = [rates(*sums) for sums in zip(hits.sum(0), given.sum(0), wanted.sum(0))]
    return np.array(rates(hits.sum(), given.sum(), wanted.sum())), np.array(rows)


def report(data):
    """Prints the model card's figures."""
    black = data.categories.index("bw")
    mono = data.chroma <= MONOCHROME
    runs = {
        "photo": [held_out(data, folds_by_photo(data, seed)) for seed in range(SEEDS)],
        "source": [held_out(data, folds_by_source(data, seed)) for seed in range(SEEDS)],
    }
    mean = lambda values: np.mean(list(values), 0)
    ap = {name: [mean(average_precisions(data, r[kind]) for r in many) for kind in (0, 1, 2)] for name, many in runs.items()}
    spread = np.std([average_precisions(data, r[0]).mean() for r in runs["photo"]])
    at = {t: [precision_recall(data, tags(calibrated(r[0], 0.5), mono, black, t)[0]) for r in runs["photo"]] for t in (1.3, 1.0)}

    print("| category | photos | AP trained | AP, sources left out | AP, category left out | P 1.3 | R 1.3 | P 1.0 | R 1.0 |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows = {t: mean(r[1] for r in many) for t, many in at.items()}
    for i, category in enumerate(data.categories):
        figures = [ap["photo"][0][i], ap["source"][0][i], ap["photo"][1][i], *rows[1.3][i, :2], *rows[1.0][i, :2]]
        print(f"| {category} | {data.labels[:, i].sum()} | " + " | ".join(f"{x:.2f}" for x in figures) + " |")
    print(f"\nmAP trained {ap['photo'][0].mean():.3f} (seeds +-{spread:.3f}); bare directions {ap['photo'][2].mean():.3f}")
    print(f"mAP sources left out {ap['source'][0].mean():.3f}; category left out {ap['photo'][1].mean():.3f}; both {ap['source'][1].mean():.3f}")
    own = own_categories(data)
    print(f"mAP of {len(own)} categories of an owner's, zero-shot: {np.mean(list(own.values())):.3f}")
    print(", ".join(f"{name} {value:.2f}" for name, value in own.items()))
    print(f"mAP of the built-in categories in wordings that nothing was fitted on: {reworded(data):.3f}")
    prompted = [average_precisions(data, r[0], measured=False)[black] for r in runs["photo"]]
    print(f"AP of bw from its prompts instead of pixels: {np.mean(prompted):.2f}")
    for name, many in runs.items():
        for power in (0, 0.5, 1):
            for target in (1.0, 1.15, 1.3):
                p, r, f = mean(
                    precision_recall(data, tags(calibrated(run[0], power), mono, black, target)[0])[0] for run in many
                )
                print(f"folds by {name}, spread^{power}, {target} tags a photo: precision {p:.3f} recall {r:.3f} F1 {f:.3f}")


if __name__ == "__main__":
    report(Data())
