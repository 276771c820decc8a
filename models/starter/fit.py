"""The learned link between the towers.

An image vector is [middle, pooled, ConSE]: two levels of EfficientNet features, standardised, and the
picture's meaning in MiniLM's space (ConSE: the class probabilities times the class names' vectors). A
text vector is `WEIGHT` x correction + [0, 0, centred MiniLM]. The correction is a kernel machine over
the training paraphrases: a prompt close to the paraphrases of a category gets that category's direction,
which a ridge regression found on the labelled photos; a prompt close to none gets almost nothing, and
what remains is ConSE.
"""

import numpy as np

KEPT = 432  # of the 1,280 pooled features: the span that ImageNet's classifier uses most
POOLED = 0.7  # weight of the pooled block beside the middle block
CONSE = 0.7  # weight of ConSE beside the features
TEMPERATURE = 3.0  # of the softmax over the logits
RIDGE = 1.0  # of the directions, in units of the mean squared length of a photo's vector
WIDTH = 0.06  # of the text kernel exp((cos - 1) / width)
KERNEL_RIDGE = 0.3
WEIGHT = 60.0  # of the correction beside ConSE


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
    return np.linalg.svd(classifier, full_matrices=False)[2][:KEPT].T


class Link:
    """The link fitted on the photos `rows` of `features` and all categories.

    `words` holds MiniLM vectors: "classes" of ImageNet, and "paraphrases", one array per category.
    """

    def __init__(self, features, labels, unsure, words, basis, rows):
        self.centre = words["classes"].mean(0)
        self.classes = words["classes"] - self.centre
        self.basis = basis
        middle, pooled = features["middle"][rows], features["pooled"][rows] @ basis
        self.middle_mean, self.middle_spread = middle.mean(0), middle.std(0) + 1e-6
        self.pooled_mean, self.pooled_spread = pooled.mean(0), pooled.std(0) + 1e-6
        seen = {name: values[rows] for name, values in features.items()}
        self.directions = directions(self.images(seen), labels[rows], unsure[rows])
        self.paraphrases = [unit(vectors - self.centre) for vectors in words["paraphrases"]]

    def images(self, features):
        """Image vectors, one row a photo."""
        middle = unit((features["middle"] - self.middle_mean) / self.middle_spread)
        pooled = unit((features["pooled"] @ self.basis - self.pooled_mean) / self.pooled_spread)
        seen = unit(np.concatenate([middle, POOLED * pooled], -1))
        meaning = unit(softmax(features["logits"] / TEMPERATURE) @ self.classes)
        return unit(np.concatenate([seen, CONSE * meaning], -1))

    def kernel(self, left_out=None):
        """The anchors (paraphrases) and each one's share in each category's direction."""
        known = [i for i in range(len(self.paraphrases)) if i != left_out]
        anchors = np.concatenate([self.paraphrases[i] for i in known])
        owner = np.concatenate([np.full(len(self.paraphrases[i]), i) for i in known])
        near = np.exp((anchors @ anchors.T - 1) / WIDTH)
        belongs = np.eye(len(self.paraphrases))[owner]
        return anchors, np.linalg.solve(near + KERNEL_RIDGE * np.eye(len(anchors)), belongs)

    def texts(self, sentences, kernel=None):
        """Text vectors of MiniLM's `sentences`, one row each."""
        anchors, shares = kernel or self.kernel()
        meaning = unit(sentences - self.centre)
        vectors = WEIGHT * np.exp((meaning @ anchors.T - 1) / WIDTH) @ shares @ self.directions
        vectors[:, -meaning.shape[1] :] += meaning
        return unit(vectors)

    def category(self, sentences, kernel=None):
        """A category's vector: the normalised mean of its prompts' vectors."""
        return unit(self.texts(sentences, kernel).mean(0))
