"""Wrong places: repeated ones, permuted ones, ones that do not exist."""

import numpy as np

from .domains import apart, cycle, normal
from .fault import drawn, fault


def scattered(g, places, like):
    """Add each of ``g`` to its place in an array of zeros."""
    out = np.zeros_like(like)
    np.add.at(out, places, g)
    return out


def two_of_them_twice(rng, n):
    """All places in any order, two of them once more."""
    return rng.permutation([*range(n), *rng.permutation(n)[:2]])


@fault(
    "pytorch/pytorch#1528",
    "missing accumulation",
    drawn(lambda rng, n: (normal(rng, n), two_of_them_twice(rng, n)), n=(3, 5)),
)
class repeated_index:
    """Of the gradients of an element that is taken several times, only the last is kept."""

    def value(x, i):
        return x[i]

    def wrong(g, x, i):
        dx = np.zeros_like(x)
        dx[i] = g
        return dx

    def right(g, x, i):
        return scattered(g, i, x)


@fault(
    "ooples/AiDotNet.Tensors#894",
    "transpose",
    drawn(lambda rng, n: (normal(rng, n), rng.integers(0, n - 1, n)), n=(3, 5)),
)
class gather_pulled_back_by_gathering:
    """The derivative of ``x[i]`` takes ``g[i]`` where it should add ``g`` at ``i``."""

    def value(x, i):
        return x[i]

    def wrong(g, x, i):
        return g[i]

    def right(g, x, i):
        return scattered(g, i, x)


def windows(x):
    """All runs of three neighbours."""
    return np.stack([x[:-2], x[1:-1], x[2:]], axis=-1)


def with_a_peak(rng, n):
    """Numbers the largest of which is in the middle, where several windows see it."""
    x = apart(rng, n)
    x[n // 2] = n
    return x


@fault("0809zheng/CS231n-assignment2019#19", "missing accumulation", drawn(with_a_peak, n=(7, 10)))
class overlapping_max_pool:
    """An element that is the largest in several windows gets the gradient of one of them: assigned, not added."""

    def value(x):
        return np.max(windows(x), axis=-1)

    def wrong(g, x):
        dx = np.zeros_like(x)
        dx[np.argmax(windows(x), axis=-1) + np.arange(len(g))] = g
        return dx

    def right(g, x):
        return scattered(g, np.argmax(windows(x), axis=-1) + np.arange(len(g)), x)


@fault(
    "pytorch/pytorch#171704", "no dependence", drawn(lambda rng, n, m: normal(rng, n + m + 1, m), n=(1, 2), m=(1, 3))
)
class trace_of_a_tall_matrix:
    """Walking through memory in steps of the row length plus 1 goes on below the square part."""

    def value(x):
        return np.trace(x)

    def wrong(g, x):
        dx = np.zeros(x.size)
        dx[:: x.shape[1] + 1] = g
        return dx.reshape(x.shape)

    def right(g, x):
        return g * np.eye(*x.shape)


@fault("apache/mxnet#15902", "transpose", drawn(normal, n=(3, 6)))
class roll_by_the_same_shift:
    """The gradient is rolled forth once more and not back."""

    def value(x):
        return np.roll(x, 1)

    def wrong(g, x):
        return np.roll(g, 1)

    def right(g, x):
        return np.roll(g, -1)


@fault("PaddlePaddle/Paddle#22708", "transpose", drawn(cycle, n=(3, 6)))
class sort_without_inverse_permutation:
    """Sorting has a wrong gradient; here it is permuted as the elements were, and not back."""

    def value(x):
        return np.sort(x)

    def wrong(g, x):
        return g[np.argsort(x)]

    def right(g, x):
        return scattered(g, np.argsort(x), x)


@fault("HIPS/autograd#350", "transpose", drawn(lambda rng, n: normal(rng, n, n, n), n=(2, 3)))
class moved_axis_not_moved_back:
    """With a negative axis the axis is not moved back, which no shape tells where all are equal."""

    def value(x):
        return np.moveaxis(x, -1, 0)

    def wrong(g, x):
        return g

    def right(g, x):
        return np.moveaxis(g, 0, -1)


@fault("tenstorrent/tt-metal#55799", "shape", drawn(normal, n=(2, 5)))
class tile_summed_to_one_element:
    """The whole axis is summed where only the copies should be: the gradient comes back with length 1."""

    def value(x):
        return np.tile(x, 2)

    def wrong(g, x):
        return np.sum(g, keepdims=True)

    def right(g, x):
        return np.sum(g.reshape(2, -1), axis=0)


@fault("pytorch/pytorch#63314", "unknown", drawn(lambda rng, n: (normal(rng, n), normal(rng, 1)), n=(4, 6)))
class stride_forgotten_on_the_way_back:
    """A convolution that spreads its input by 2 reads its gradient at neighbouring places."""

    def value(x, kernel):
        return np.stack([kernel * x, 0 * x], axis=1).ravel()[:-1]

    def wrong(g, x, kernel):
        return kernel * g[: len(x)], np.sum(x * g[::2], keepdims=True)

    def right(g, x, kernel):
        return kernel * g[::2], np.sum(x * g[::2], keepdims=True)


@fault("FluxML/NNlib.jl#518", "permuted", drawn(lambda rng, n: (normal(rng, n + 3), normal(rng, n)), n=(2, 4)))
class kernel_gradient_in_reverse:
    """The gradient by a kernel that the convolution flips comes back unflipped."""

    def value(x, kernel):
        return np.convolve(x, kernel, "valid")

    def wrong(g, x, kernel):
        return np.convolve(g, kernel[::-1], "full"), np.correlate(x, g, "valid")

    def right(g, x, kernel):
        return np.convolve(g, kernel[::-1], "full"), np.correlate(x, g, "valid")[::-1]
