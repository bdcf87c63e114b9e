"""Layers of networks: a term of the derivative, a factor, or a whole result forgotten."""

import numpy as np

from .domains import normal, signed
from .elementwise import sigmoid
from .fault import drawn, fault
from .reductions import softmax


def rows(rng, n, m):
    return normal(rng, n, m)


@fault("deeplearning4j/libnd4j#440", "missing term", drawn(rows, n=(1, 3), m=(2, 4)))
class softmax_as_if_elementwise:
    """The derivative is ``s * (1 - s)``: the diagonal of the Jacobian, without the rest."""

    def value(z):
        e = np.exp(z)
        return e / np.sum(e, axis=1, keepdims=True)

    def wrong(g, z):
        s = softmax(z)
        return g * s * (1 - s)

    def right(g, z):
        s = softmax(z)
        return s * (g - np.sum(g * s, axis=1, keepdims=True))


@fault("HomericIntelligence/Odyssey#2134", "missing term", drawn(rows, n=(1, 3), m=(2, 4)))
class softmax_without_its_sum:
    """The sum over the row is missing, as if only the numerator depended on the logits."""

    def value(z):
        e = np.exp(z)
        return e / np.sum(e, axis=1, keepdims=True)

    def wrong(g, z):
        return softmax(z) * g

    def right(g, z):
        s = softmax(z)
        return s * (g - np.sum(g * s, axis=1, keepdims=True))


@fault("BVLC/caffe#1891", "missing term", drawn(rows, n=(3, 5), m=(1, 3)))
class batch_norm_with_a_constant_mean:
    """The share of the gradient that goes through the mean is missing."""

    def value(x):
        return (x - np.mean(x, axis=0)) / np.sqrt(np.var(x, axis=0) + 1e-3)

    def wrong(g, x):
        deviation = np.sqrt(np.var(x, axis=0) + 1e-3)
        y = (x - np.mean(x, axis=0)) / deviation
        return (g - y * np.mean(g * y, axis=0)) / deviation

    def right(g, x):
        deviation = np.sqrt(np.var(x, axis=0) + 1e-3)
        y = (x - np.mean(x, axis=0)) / deviation
        return (g - np.mean(g, axis=0) - y * np.mean(g * y, axis=0)) / deviation


@fault("mlpack/mlpack#1930", "missing term", drawn(rows, n=(1, 3), m=(3, 5)))
class layer_norm_with_a_constant_variance:
    """A share of the derivative is missing, that through the variance; no test had a layer below this one."""

    def value(x):
        return (x - np.mean(x, axis=1, keepdims=True)) / np.sqrt(np.var(x, axis=1, keepdims=True) + 1e-3)

    def wrong(g, x):
        deviation = np.sqrt(np.var(x, axis=1, keepdims=True) + 1e-3)
        return (g - np.mean(g, axis=1, keepdims=True)) / deviation

    def right(g, x):
        deviation = np.sqrt(np.var(x, axis=1, keepdims=True) + 1e-3)
        y = (x - np.mean(x, axis=1, keepdims=True)) / deviation
        shift = np.mean(g, axis=1, keepdims=True) + y * np.mean(g * y, axis=1, keepdims=True)
        return (g - shift) / deviation


def rms(x):
    return np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5)


@fault("karpathy/llm.c#763", "missing factor", drawn(
    lambda rng, n, m: (normal(rng, n, m), signed(rng, m)), n=(1, 3), m=(3, 5)
))  # fmt: skip
class rms_norm_without_its_weight:
    """The gradient that goes to the input is not multiplied by the weight on its way."""

    def value(x, weight):
        return x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5) * weight

    def wrong(g, x, weight):
        y = x / rms(x)
        return (g - y * np.mean(g * y, axis=1, keepdims=True)) / rms(x), np.sum(g * y, axis=0)

    def right(g, x, weight):
        y, gw = x / rms(x), g * weight
        return (gw - y * np.mean(gw * y, axis=1, keepdims=True)) / rms(x), np.sum(g * y, axis=0)


@fault("unslothai/unsloth#4533", "input ignored", drawn(
    lambda rng, n, m: (normal(rng, n, m), signed(rng, m)), n=(1, 3), m=(2, 4)
))  # fmt: skip
class rms_norm_whose_weight_never_learns:
    """The weight gets None for a gradient."""

    def value(x, weight):
        return x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5) * weight

    def wrong(g, x, weight):
        y, gw = x / rms(x), g * weight
        return (gw - y * np.mean(gw * y, axis=1, keepdims=True)) / rms(x), None

    def right(g, x, weight):
        y, gw = x / rms(x), g * weight
        return (gw - y * np.mean(gw * y, axis=1, keepdims=True)) / rms(x), np.sum(g * y, axis=0)


def with_a_mask(rng, n):
    """Numbers, and which of them are kept: at least one is, and at least one is not."""
    return signed(rng, n), rng.permutation(np.arange(n) < rng.integers(1, n))


@fault("ddbourgin/numpy-ml#94", "missing factor", drawn(with_a_mask, n=(2, 6)))
class dropout_without_its_mask:
    """The gradient is divided by the probability of being kept, but what was dropped gets one, too."""

    def value(x, mask):
        return x * mask / 0.5

    def wrong(g, x, mask):
        return g / 0.5

    def right(g, x, mask):
        return g * mask / 0.5


@fault("rohitg00/ai-engineering-from-scratch#17", "factor", drawn(with_a_mask, n=(2, 6)))
class dropout_without_its_scale:
    """The division by the probability of being kept is missing in the gradient (and there, so was the mask)."""

    def value(x, mask):
        return x * mask / 0.5

    def wrong(g, x, mask):
        return g * mask

    def right(g, x, mask):
        return g * mask / 0.5


def unit_vector(rng, n):
    x = normal(rng, n)
    return x / np.linalg.norm(x)


@fault("wy1iu/sphereface#24", "missing term", drawn(unit_vector, n=(2, 5)))
class normalization_passed_by:
    """The gradient by the normalized weights is taken for the gradient by the weights."""

    def value(x):
        return x / np.sqrt(np.sum(x * x))

    def wrong(g, x):
        return g

    def right(g, x):
        norm = np.sqrt(np.sum(x * x))
        return (g - x * np.sum(g * x) / norm**2) / norm


@fault("deeplearning4j/deeplearning4j#8838", "result ignored", drawn(
    lambda rng, n: (normal(rng, n), normal(rng, n), normal(rng, n)), n=(1, 4)
))  # fmt: skip
class last_cell_state_ignored:
    """A recurrent cell returns its output and its state, and the gradient of the state goes nowhere."""

    def value(gate, state, candidate):
        keep = 1 / (1 + np.exp(-gate))
        state = keep * state + (1 - keep) * candidate
        return np.tanh(state), state

    def wrong(g, gate, state, candidate):
        by_output, _ = g
        return last_cell_state_ignored.right((by_output, 0), gate, state, candidate)

    def right(g, gate, state, candidate):
        by_output, by_state = g
        keep = sigmoid(gate)
        output = np.tanh(keep * state + (1 - keep) * candidate)
        by_state = by_state + by_output * (1 - output**2)
        return by_state * (state - candidate) * keep * (1 - keep), by_state * keep, by_state * (1 - keep)
