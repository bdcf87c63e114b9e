"""Axes that broadcasting made: not summed, averaged, or summed with others."""

import numpy as np

from .domains import normal
from .fault import drawn, fault


@fault("deeplearning4j/nd4j#2424", "broadcast not summed", drawn(
    lambda rng, n, m: (normal(rng, n, m), normal(rng, m)), n=(2, 4), m=(1, 3)
))  # fmt: skip
class bias_not_summed:
    """The gradient of a row that was added to all rows has as many rows as they."""

    def value(x, bias):
        return x + bias

    def wrong(g, x, bias):
        return g, g

    def right(g, x, bias):
        return g, np.sum(g, axis=0)


@fault("tensorflow/tfjs#8721", "broadcast not summed", drawn(
    lambda rng, b, n, m: (normal(rng, b, n, m), normal(rng, m, n)), b=(2, 3), n=(1, 3), m=(1, 3)
))  # fmt: skip
class one_matrix_for_the_batch:
    """The gradient of one matrix by which a whole batch is multiplied has a batch axis."""

    def value(x, w):
        return x @ w

    def wrong(g, x, w):
        return g @ w.T, x.transpose(0, 2, 1) @ g

    def right(g, x, w):
        return g @ w.T, np.sum(x.transpose(0, 2, 1) @ g, axis=0)


@fault("kvfrans/notes#5", "1/N", drawn(lambda rng, n, m: (normal(rng, n, m), normal(rng, m)), n=(3, 5), m=(1, 3)))
class bias_averaged:
    """The gradient of a bias is averaged over the batch, where the shares of the batch should be added."""

    def value(x, bias):
        return x + bias

    def wrong(g, x, bias):
        return g, np.mean(g, axis=0)

    def right(g, x, bias):
        return g, np.sum(g, axis=0)


@fault("rasbt/stat453-deep-learning-ss21#5", "wrong axis", drawn(
    lambda rng, n, m: (normal(rng, n, m), normal(rng, m)), n=(2, 4), m=(2, 4)
))  # fmt: skip
class biases_share_one_sum:
    """The gradient is summed over all axes, and every bias gets the sum of all."""

    def value(x, bias):
        return x + bias

    def wrong(g, x, bias):
        return g, np.full_like(bias, np.sum(g))

    def right(g, x, bias):
        return g, np.sum(g, axis=0)


@fault("BobMcDear/attorch#17", "wrong axis", drawn(lambda rng, n: normal(rng, n, n), n=(2, 4)))
class correction_of_the_wrong_row:
    """RMS normalization: without a trailing axis, the mean of each row is applied to a column."""

    def value(x):
        return x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5)

    def wrong(g, x):
        rms = np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5)
        y = x / rms
        return (g - y * np.mean(g * y, axis=1)) / rms

    def right(g, x):
        rms = np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5)
        y = x / rms
        return (g - y * np.mean(g * y, axis=1, keepdims=True)) / rms
