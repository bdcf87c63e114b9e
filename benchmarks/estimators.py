"""``MLPClassifier.fit``, ours and scikit-learn's, with the same settings."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import OURS, Contender, Effort, measure
from benchmarks.report import Goal, Result, report_times

__all__ = ["estimators"]

PEER = "scikit-learn"


def estimators(effort: Effort) -> Result:
    """Ten epochs of 784-128-10 with Adam, on 10,000 examples of float64, as scikit-learn's users have them."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier as Theirs

    from tinygrad_np.interop.sklearn import MLPClassifier as Ours

    rng, m = np.random.default_rng(0), min(10_000, effort.elements // 10)
    y = np.arange(2 * m) % 10
    x = np.clip(rng.random((10, 784))[y] + 1.5 * rng.standard_normal((2 * m, 784)), 0, 1)
    settings: dict[str, Any] = {"hidden_layer_sizes": (128,), "learning_rate_init": 0.001, "batch_size": min(200, m)}
    settings |= {"max_iter": 10, "random_state": 0}
    models = {
        PEER: Theirs(**settings, n_iter_no_change=10**6),
        OURS: Ours(**settings, n_iter_no_change=None),
        f"{OURS}, float32": Ours(**settings, n_iter_no_change=None, dtype="float32"),
    }
    fits = {name: Contender(partial(model.fit, x[:m], y[:m]), list) for name, model in models.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten epochs are few
        times = measure(fits, replace(effort, rounds=min(effort.rounds, 7), seconds=0.0))
    goals = []
    for name, limit in ((OURS, 1.0), (f"{OURS}, float32", 0.6)):
        ratio = times.ratio(name, PEER)
        goals.append(Goal(f"fit of an estimator, {name}", f"{limit} x {PEER}", f"{ratio:.2f} x", ratio <= limit))
    result = report_times("MLPClassifier.fit, 784-128-10, batch 200, Adam, 10 epochs", times, PEER, goals)
    scores = ", ".join(f"{name} {model.score(x[m:], y[m:]):.1%}" for name, model in models.items())
    result.notes.append(f"accuracy on as many other examples: {scores}")
    return result
