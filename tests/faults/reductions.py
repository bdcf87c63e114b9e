"""Sums, means, products, extremes: the wrong divisor, the wrong axis, division by zero, ties."""

import numpy as np

from .domains import apart, normal, signed, ties, uniform
from .fault import drawn, fault


@fault("apache/mxnet#18563", "tie", drawn(ties, n=(2, 5)), kink=True)
class max_gives_each_tie_everything:
    """Every one of the largest elements gets the whole gradient: together they get it several times."""

    def value(x):
        return np.max(x)

    def wrong(g, x):
        return g * (x == np.max(x))

    def right(g, x):
        largest = x == np.max(x)
        return g * largest / np.sum(largest)


@fault("eriklindernoren/ML-From-Scratch#135", "1/N", drawn(
    lambda rng, n, m: (normal(rng, n, m), normal(rng, m), rng.integers(0, 2, n)), n=(3, 6), m=(1, 3)
))  # fmt: skip
class logistic_regression_not_averaged:
    """The loss is a mean over samples, its gradient by the weights a sum."""

    def value(x, w, labels):
        z = x @ w
        return np.mean(np.logaddexp(0, z) - labels * z)

    def wrong(g, x, w, labels):
        errors = 1 / (1 + np.exp(-x @ w)) - labels
        return g * np.outer(errors, w) / len(x), g * x.T @ errors

    def right(g, x, w, labels):
        errors = 1 / (1 + np.exp(-x @ w)) - labels
        return g * np.outer(errors, w) / len(x), g * x.T @ errors / len(x)


def softmax(z):
    """Along the last axis."""
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


@fault("paiml/aprender#2182", "1/N", drawn(
    lambda rng, n, k: (normal(rng, n, k), rng.integers(0, k, n)), n=(3, 5), k=(2, 4)
))  # fmt: skip
class summed_cross_entropy_averaged:
    """The gradient is divided by the batch size although the loss is a sum over the batch."""

    def value(z, labels):
        return np.sum(np.logaddexp.reduce(z, axis=-1) - z[np.arange(len(z)), labels])

    def wrong(g, z, labels):
        return g * (softmax(z) - np.eye(z.shape[1])[labels]) / len(z)

    def right(g, z, labels):
        return g * (softmax(z) - np.eye(z.shape[1])[labels])


@fault("davisking/dlib#1169", "factor", drawn(lambda rng, n: (normal(rng, n), normal(rng, n)), n=(1, 5)))
class squared_error_without_its_two:
    """The 2 of the square is missing: the loss is no half of a square."""

    def value(x, target):
        return np.mean((x - target) ** 2)

    def wrong(g, x, target):
        return g * (x - target) / x.size, g * (target - x) / x.size

    def right(g, x, target):
        return 2 * g * (x - target) / x.size, 2 * g * (target - x) / x.size


@fault("tracel-ai/burn#5604", "factor", drawn(lambda rng, n: normal(rng, 2 * n + 1), n=(1, 3)))
class last_window_of_average_pooling:
    """The last window holds one element only and is divided by 1; its gradient is divided by the full width 2."""

    def value(x):
        return np.concatenate([np.mean(x[:-1].reshape(-1, 2), axis=1), x[-1:]])

    def wrong(g, x):
        return np.repeat(g, 2)[:-1] / 2

    def right(g, x):
        return np.concatenate([np.repeat(g[:-1], 2) / 2, g[-1:]])


def one_zero_each(rng, n, m):
    """Numbers of both signs, with one 0 in each column."""
    x = signed(rng, n, m)
    x[rng.integers(0, n, m), np.arange(m)] = 0
    return x


@fault("apache/mxnet#17864", "singular point", drawn(one_zero_each, n=(2, 4), m=(1, 3)))
class product_divided_by_its_zero:
    """The product of the others is computed as the product of all, divided by the element: 0 / 0."""

    def value(x):
        return np.prod(x, axis=0)

    def wrong(g, x):
        return g * np.prod(x, axis=0) / x

    def right(g, x):
        others = [np.prod(np.delete(x, i, axis=0), axis=0) for i in range(len(x))]
        return g * np.stack(others)


@fault("tracel-ai/burn#3864", "singular point", drawn(lambda rng, n: one_zero_each(rng, n, 1)[:, 0], n=(2, 5)))
class cumulative_product_divided_by_its_zero:
    """As for the product: NaN from the first zero on."""

    def value(x):
        return np.cumprod(x)

    def wrong(g, x):
        return np.cumsum((g * np.cumprod(x))[::-1])[::-1] / x

    def right(g, x):
        dx = np.zeros_like(x)
        for i in range(len(x)):
            others = x.copy()
            others[i] = 1
            dx[i] = np.sum((g * np.cumprod(others))[i:])
        return dx


@fault("pytorch/pytorch#1122", "transpose", drawn(normal, n=(2, 6)))
class cumulative_sum_not_reversed:
    """The gradient is summed up from the beginning and not from the end."""

    def value(x):
        return np.cumsum(x)

    def wrong(g, x):
        return np.cumsum(g)

    def right(g, x):
        return np.cumsum(g[::-1])[::-1]


@fault("tensorflow/tensorflow#56830", "singular point", drawn(lambda rng, m: normal(rng, 1, m), m=(1, 3)))
class deviation_of_one_element:
    """The standard deviation of a single number is 0 whatever the number is, but its gradient is 0 / 0."""

    def value(x):
        return np.std(x, axis=0)

    def wrong(g, x):
        return g * (x - np.mean(x, axis=0)) / (len(x) * np.std(x, axis=0))

    def right(g, x):
        return np.zeros_like(x)


@fault("pytorch/pytorch#4320", "singular point", drawn(lambda rng, n: np.full(n, normal(rng)), n=(2, 5)), kink=True)
class deviation_of_equal_elements:
    """The standard deviation has a kink where all elements are equal, and a gradient of NaN."""

    def value(x):
        return np.std(x - x[0])

    def wrong(g, x):
        apart = (x - x[0]) - np.mean(x - x[0])
        return g * apart / (len(x) * np.std(x - x[0]))

    def right(g, x):
        apart = (x - x[0]) - np.mean(x - x[0])
        return g * apart / (len(x) * (np.std(x - x[0]) or 1))


@fault("jax-ml/jax#21723", "singular point", drawn(lambda rng, n: np.zeros(n), n=(1, 4)))
class squared_norm_at_zero:
    """``norm(x)**2`` is smooth at 0, but the chain rule passes through the norm, which is not."""

    def value(x):
        return np.linalg.norm(x) ** 2

    def wrong(g, x):
        norm = np.linalg.norm(x)
        return g * 2 * norm * (x / norm)

    def right(g, x):
        return 2 * g * x


@fault("HIPS/autograd#151", "singular point", drawn(lambda rng, n: np.zeros(n), n=(1, 4)), kink=True)
class norm_at_zero:
    """The norm of a zero vector has a gradient of 0 / 0."""

    def value(x):
        return np.linalg.norm(x)

    def wrong(g, x):
        return g * x / np.linalg.norm(x)

    def right(g, x):
        return g * x / (np.linalg.norm(x) or 1)


def one_dominates(rng, n):
    """Numbers one of which is so much larger than the others that their exponentials underflow."""
    z = normal(rng, n)
    z[rng.integers(0, n)] += 1000
    return z


@fault("FluxML/NNlib.jl#68", "singular point", drawn(one_dominates, n=(2, 4)))
class log_softmax_through_its_exponential:
    """The gradient divides by the softmax, which is 0 for all but the largest of extreme logits."""

    def value(z):
        return z - np.logaddexp.reduce(z)

    def wrong(g, z):
        s = softmax(z)
        return s * (g / s - np.sum(g / s * s))

    def right(g, z):
        return g - softmax(z) * np.sum(g)


@fault("HIPS/autograd#199", "dtype", drawn(
    lambda rng, n, m: apart(rng, n, m).astype(np.float32), n=(1, 3), m=(2, 4)
), differs=False)  # fmt: skip
class max_counts_in_int64:
    """Dividing by the number of the largest, an int64, makes the gradient float64 out of float32."""

    def value(x):
        return np.max(x, axis=1)

    def wrong(g, x):
        largest = x == np.max(x, axis=1, keepdims=True)
        return g[:, None] * largest / np.sum(largest, axis=1, keepdims=True)

    def right(g, x):
        return g[:, None] * (x == np.max(x, axis=1, keepdims=True))


@fault("nntrainer/nntrainer#4336", "dtype", drawn(
    lambda rng, n: tuple((1e20 * uniform(rng, n)).astype(np.float32) for _ in range(2)), n=(1, 3)
))  # fmt: skip
class denominator_squared_in_single_precision:
    """``b * b`` overflows in float32 although ``a / (b * b)`` has a place in it."""

    def value(a, b):
        return a / b

    def wrong(g, a, b):
        return g / b, -g * a / (b * b)

    def right(g, a, b):
        return g / b, -g * (a / b) / b
