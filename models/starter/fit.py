"""The learned link between the towers.

An image vector is [middle, pooled, ConSE]: two levels of EfficientNet features, standardised, and the
picture's meaning in MiniLM's space (ConSE: the class probabilities times the class names' vectors). A
text vector is the sum of three:

- the *correction*, a kernel machine over the built-in categories' prompts and paraphrases: a prompt very
  close to those of a category gets that category's direction, which a ridge regression found on the
  development photos;
- the *bank* (`bank.py`): the direction that the tags of the free photos give to a prompt;
- centred MiniLM in the place of ConSE.
"""

import numpy as np

from bank import Bank

KEPT = 432  # of the 1,280 pooled features: the span that ImageNet's classifier uses most
POOLED = 0.7  # weight of the pooled block beside the middle block
CONSE = 0.7  # weight of ConSE beside the features
TEMPERATURE = 3.0  # of the softmax over the logits
RIDGE = 1.0  # of the directions, in units of the mean squared length of a photo's vector
WIDTH = 0.05  # of the text kernel exp((cos - 1) / width)
KERNEL_RIDGE = 0.3
WEIGHT = 60.0  # of the correction
BANK = 10.0  # of the bank
TEXT = 0.5  # of centred MiniLM


def unit(x):
    """Rows divided by their length."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)


def softmax(x):
    """Along the last axis."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def directions(vectors, labels, unsure):
    """One unit vector a category: ridge regression on balanced targets, without the unsure photos."""
    found = []
    for category in range(labels.shape[1]):
        sure = ~unsure[:, category]
        x, y = vectors[sure] - vectors[sure].mean(0), labels[sure, category]
        target = np.where(y, 1 / y.mean(), -1 / (1 - y.mean()))
        gram = x @ x.T
        dual = np.linalg.solve(gram + RIDGE * np.trace(gram) / len(y) * np.eye(len(y)), target - target.mean())
        found.append(x.T @ dual)
    return unit(np.array(found))


def classifier_basis(classifier):
    """[1280, KEPT]: the span of the pooled features that ImageNet's classifier uses most."""
    basis = np.linalg.svd(classifier, full_matrices=False)[2][:KEPT]
    # A singular vector's sign is arbitrary: its largest value is made positive.
    largest = np.take_along_axis(basis, np.abs(basis).argmax(1)[:, None], 1)
    return (basis * np.sign(largest)).T


class Link:
    """The link fitted on the development photos `rows` of `features`, all categories, and all free photos.

    `words` holds MiniLM vectors: "classes" of ImageNet, "anchors" of the bank, and "wordings", one array per category.
    """

    def __init__(self, features, labels, unsure, words, basis, rows, free):
        self.centre = words["classes"].mean(0)
        self.classes = words["classes"] - self.centre
        self.basis = basis
        middle, pooled = free.features["middle"], free.features["pooled"]
        self.middle_mean, self.middle_spread = middle.mean(0), middle.std(0) + 1e-6
        self.pooled_mean, self.pooled_spread = pooled.mean(0), pooled.std(0) + 1e-6
        seen = {name: values[rows] for name, values in features.items()}
        self.directions = directions(self.images(seen), labels[rows], unsure[rows])
        self.wordings = [unit(vectors - self.centre) for vectors in words["wordings"]]
        looks = self.looks(middle, pooled)
        self.bank = Bank(free.tags, looks, unit(words["anchors"] - self.centre), free.owner)

    def images(self, features):
        """Image vectors, one row a photo."""
        seen = self.looks(features["middle"], features["pooled"] @ self.basis)
        meaning = unit(softmax(features["logits"] / TEMPERATURE) @ self.classes)
        return unit(np.concatenate([seen, CONSE * meaning], -1))

    def looks(self, middle, pooled):
        """[middle, pooled], standardised as the free photos are, one row a photo."""
        middle = unit((middle - self.middle_mean) / self.middle_spread)
        pooled = unit((pooled - self.pooled_mean) / self.pooled_spread)
        return unit(np.concatenate([middle, POOLED * pooled], -1))

    def kernel(self, left_out=None):
        """The anchors (wordings) and each one's share in each category's direction."""
        known = [i for i in range(len(self.wordings)) if i != left_out]
        anchors = np.concatenate([self.wordings[i] for i in known])
        owner = np.concatenate([np.full(len(self.wordings[i]), i) for i in known])
        near = np.exp((anchors @ anchors.T - 1) / WIDTH)
        belongs = np.eye(len(self.wordings))[owner]
        return anchors, np.linalg.solve(near + KERNEL_RIDGE * np.eye(len(anchors)), belongs)

    def texts(self, sentences, kernel=None):
        """Text vectors of MiniLM's `sentences`, one row each."""
        anchors, shares = kernel or self.kernel()
        meaning = unit(sentences - self.centre)
        vectors = WEIGHT * np.exp((meaning @ anchors.T - 1) / WIDTH) @ shares @ self.directions
        looks = self.bank(meaning)
        vectors[:, : looks.shape[1]] += BANK * looks
        vectors[:, -meaning.shape[1] :] += TEXT * meaning
        return unit(vectors)

    def category(self, sentences, kernel=None):
        """A category's vector: the normalised mean of its prompts' vectors."""
        return unit(self.texts(sentences, kernel).mean(0))
