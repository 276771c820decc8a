"""Writes scikit-learn.json: what scikit-learn 1.9.1 makes of small problems.

    python make.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

random = np.random.default_rng(6)
rankings = []
for n, levels in ((1, 1), (7, 3), (20, 4), (50, 1), (200, 10), (200, 100000)):
    scores = np.float32(random.integers(0, levels, n) / levels)
    right = random.random(n) < 0.3 + 0.4 * scores
    right[0] = True
    rankings.append({"scores": scores.tolist(), "right": right.tolist(),
                     "expected": average_precision_score(right, scores)})
given = []
for n in (5, 40):
    g, w = random.random(n) < 0.5, random.random(n) < 0.4
    g[0] = w[0] = True
    given.append({"given": g.tolist(), "wanted": w.tolist(), "precision": precision_score(w, g),
                  "recall": recall_score(w, g), "f1": f1_score(w, g)})
fits = []
for n, d, penalty in ((12, 3, 1.0), (40, 60, 0.1), (60, 8, 10.0)):
    x = random.normal(size=(n, d))
    y = x[:, 0] + 0.5 * random.normal(size=n) > 0.3
    weight = random.uniform(0.2, 2, n)
    model = LogisticRegression(C=1 / penalty, fit_intercept=False, tol=1e-12, max_iter=100000)
    model.fit(x, y, sample_weight=weight)
    fits.append({"x": x.tolist(), "y": y.tolist(), "weight": weight.tolist(), "penalty": penalty,
                 "coefficients": model.coef_[0].tolist()})
out = {"average_precision": rankings, "f1": given, "logistic": fits}
Path(__file__).with_name("scikit-learn.json").write_text(json.dumps(out) + "\n")
