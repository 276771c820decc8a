"""The bank: what a prompt looks like, after the tags of the free photos.

For each tag on enough photos, linear discriminant analysis gives a direction in the space of the features; a Gaussian
process over the tags' sentence vectors predicts the direction of any prompt from those of the tags that are near to it.
"""

from collections import Counter, defaultdict

import numpy as np

import dataset

COMMON = 6  # photos that a tag needs to have a direction
RIDGE = 0.3  # of the directions, in units of the mean variance
WIDTH = 0.3  # of the kernel exp((cos - 1) / width)
NOISE, RARE = 0.3, 10.0  # a tag on n photos has the noise NOISE + RARE / n
TAG = ("{}", "a photo of {}", "a picture with {} in it")  # how a tag is written as a prompt
MANY = ("{}", "photos of {}")  # how it is for many
PARAPHRASE = ("{}", "a photo of {}")  # how other words for it are


def plural(tag):
    """A tag for many; one that ends in s stays."""
    for ending, many in (("s", "s"), ("man", "men"), ("person", "people"), ("child", "children"), ("y", "ies")):
        if tag.endswith(ending) and tag[-2:] not in ("ay", "ey", "oy"):
            return tag.removesuffix(ending) + many
    return tag + ("es" if tag.endswith(("ch", "sh", "x")) else "s")


def lists(name):
    """A text file with lines "key: one; another" as a dictionary of lists; # begins a comment."""
    found = defaultdict(list)
    for line in (dataset.DATA / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            key, values = line.split(":", 1)
            found[key.strip()] += [value.strip() for value in values.split(";")]
    return found


def implied():
    """A function from tags to the tags and all that follow from them: an owl is a bird of prey, a bird, an animal."""
    parents = defaultdict(set)
    for parent, children in lists("implied.txt").items():
        for child in children:
            parents[child].add(parent)

    def fill(tags):
        found, todo = set(tags), list(tags)
        while todo:
            new = parents[todo.pop()] - found
            found |= new
            todo += new
        return found

    return fill


class Tags:
    """The tags on `COMMON` photos or more, and which photo has which."""

    def __init__(self):
        fill = implied()
        photos = dataset.labels("free").values()
        tagged = [fill(photo["tags"]) for photo in photos]
        debatable = [fill(photo["unsure"]) for photo in photos]
        counts = Counter(tag for tags in tagged for tag in tags)
        self.names = sorted(tag for tag, count in counts.items() if count >= COMMON)
        table = lambda rows: np.array([[name in row for name in self.names] for row in rows])
        self.labels = table(tagged)
        self.unsure = table(debatable) & ~self.labels
        self.counts = self.labels.sum(0)

    def anchors(self):
        """The texts that stand for tags, and the tag of each."""
        paraphrases = lists("paraphrases.txt")
        texts = [
            (form.format(words), tag)
            for tag, name in enumerate(self.names)
            for forms, many in ((TAG, [name]), (MANY, [plural(name)]), (PARAPHRASE, paraphrases[name]))
            for words in many
            for form in forms
        ]
        return [text for text, _ in texts], np.array([tag for _, tag in texts])

    def directions(self, vectors):
        """One vector a tag, of mean length 1. Analysis of one covariance for all tags, of the photos that have a tag
        against those that certainly lack it; photos' scores have the same spread for each tag."""
        centred = vectors - vectors.mean(0)
        covariance = centred.T @ centred / len(vectors)
        covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        mean = lambda rows: (rows.T.astype(float) @ centred) / rows.sum(0)[:, None]
        found = np.linalg.solve(covariance, (mean(self.labels) - mean(~(self.labels | self.unsure))).T).T
        found /= (centred @ found.T).std(0)[:, None]
        return found / np.linalg.norm(found, axis=1).mean()


class Bank:
    """The bank fitted on `vectors` of the free photos. `anchors` [text, 384] are centred and of unit length, `owner` is
    the tag of each."""

    def __init__(self, tags, vectors, anchors, owner):
        self.anchors, self.directions = anchors, tags.directions(vectors)
        near = np.exp((anchors @ anchors.T - 1) / WIDTH)
        noise = np.diag(NOISE + RARE / tags.counts[owner])
        self.shares = np.linalg.solve(near + noise, np.eye(len(tags.names))[owner])

    def __call__(self, meaning):
        """The directions of centred texts, [text, value]."""
        return np.exp((meaning @ self.anchors.T - 1) / WIDTH) @ self.shares @ self.directions
