"""One formula per element: a sign, a factor, a conjugate, a value at 0."""

import numpy as np

from .domains import complex_numbers, normal, signed, uniform
from .fault import drawn, fault


@fault("KhawajaAbaid/micrograd_c#1", "sign", drawn(lambda rng, n: (normal(rng, n), normal(rng, n)), n=(1, 4)))
class subtraction_adds:
    """What is subtracted gets the gradient of a summand."""

    def value(x, y):
        return x - y

    def wrong(g, x, y):
        return g, g

    def right(g, x, y):
        return g, -g


@fault("jax-ml/jax#3213", "sign", drawn(lambda rng, n: (signed(rng, n), normal(rng, n)), n=(1, 4)))
class minus_from_the_other_derivative:
    """The example of how to write a derivative, ``sin(x) * y``, has a minus in its derivative by y."""

    def value(x, y):
        return np.sin(x) * y

    def wrong(g, x, y):
        return np.cos(x) * y * g, -np.sin(x) * g

    def right(g, x, y):
        return np.cos(x) * y * g, np.sin(x) * g


@fault("karpathy/micrograd#2", "missing accumulation", drawn(
    lambda rng, n: (normal(rng, n), signed(rng, n), signed(rng, n)), n=(1, 4)
))  # fmt: skip
class last_use_overwrites_the_first:
    """A number that is used twice gets the gradient of one use only."""

    def value(x, y, z):
        return x * y + x * z

    def wrong(g, x, y, z):
        return g * z, g * x, g * x

    def right(g, x, y, z):
        return g * y + g * z, g * x, g * x


@fault("ml-explore/mlx#2451", "swapped arguments", drawn(
    lambda rng, n: (uniform(rng, n, low=0.5, high=1), uniform(rng, n, low=2, high=3)), n=(1, 4)
))  # fmt: skip
class arctan2_of_swapped_arguments:
    """The derivatives by y and by x each have the other's numerator."""

    def value(y, x):
        return np.arctan2(y, x)

    def wrong(g, y, x):
        return g * y / (x * x + y * y), -g * x / (x * x + y * y)

    def right(g, y, x):
        return g * x / (x * x + y * y), -g * y / (x * x + y * y)


@fault("maria-korosteleva/Body-Shape-Estimation#2", "missing factor", drawn(uniform, n=(1, 4)))
class division_without_parentheses:
    """``1 / d * d``, where ``1 / (d * d)`` was meant, is 1."""

    def value(s):
        return s / (1 + s)

    def wrong(g, s):
        return g * (1 / (1 + s) * (1 + s))

    def right(g, s):
        return g / (1 + s) ** 2


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@fault("CaptainE/RNN-LSTM-in-numpy#1", "missing factor", drawn(normal, n=(1, 4)))
class sigmoid_not_differentiated:
    """A gate's gradient is multiplied by the sigmoid and not by its derivative."""

    def value(x):
        return 1 / (1 + np.exp(-x))

    def wrong(g, x):
        return g * sigmoid(x)

    def right(g, x):
        return g * sigmoid(x) * (1 - sigmoid(x))


@fault("dwhitena/gophernet#6", "unknown", drawn(normal, n=(1, 4)))
class derivative_at_the_output:
    """The derivative of the sigmoid is evaluated at its result, as if that was its argument."""

    def value(x):
        return 1 / (1 + np.exp(-x))

    def wrong(g, x):
        s = sigmoid(sigmoid(x))
        return g * s * (1 - s)

    def right(g, x):
        return g * sigmoid(x) * (1 - sigmoid(x))


def one_very_negative(rng, n):
    x = normal(rng, n)
    x[rng.integers(0, n)] = rng.uniform(-2000, -1000)
    return x


@fault("jeshraghian/snntorch#433", "singular point", drawn(one_very_negative, n=(1, 4)))
class sigmoid_through_its_exponential:
    """``exp(-x) / (exp(-x) + 1)**2`` is infinity by infinity for very negative x."""

    def value(x):
        return 0.5 * (1 + np.tanh(x / 2))

    def wrong(g, x):
        return g * np.exp(-x) / (np.exp(-x) + 1) ** 2

    def right(g, x):
        s = 0.5 * (1 + np.tanh(x / 2))
        return g * s * (1 - s)


@fault("pytorch/pytorch#27134", "singular point", drawn(
    lambda rng, n: (rng.integers(0, n, n) * (np.arange(n) > 0), uniform(rng, n)), n=(1, 4)
))  # fmt: skip
class power_of_zero_by_its_exponent:
    """``x**y * log(x)`` is 0 times minus infinity at x = 0, where the power is 0 for all positive y."""

    def value(x, y):
        return x**y

    def wrong(g, x, y):
        return g * x**y * np.log(x)

    def right(g, x, y):
        return g * x**y * np.log(np.maximum(x, 1))


@fault("torch/nn#170", "singular point", drawn(lambda rng, n: signed(rng, n) * (np.arange(n) > 0), n=(1, 4)))
class power_divided_by_its_base:
    """The derivative of ``x**3`` is computed as ``3 * x**3 / x``."""

    def value(x):
        return x**3

    def wrong(g, x):
        return g * 3 * x**3 / x

    def right(g, x):
        return g * 3 * x**2


def one_negative(rng, n):
    x = signed(rng, n)
    x[rng.integers(0, n)] = -1
    return x


@fault("jax-ml/jax#347", "singular point", drawn(one_negative, n=(1, 5)))
class where_with_a_pole_in_the_other_branch:
    """Zero gradients go into the branch that was not taken, and meet an infinite derivative there."""

    def value(x):
        return np.where(x > 0, np.sqrt(np.maximum(x, 0)), x)

    def wrong(g, x):
        root = np.sqrt(np.maximum(x, 0))
        return np.where(x > 0, g, 0) / (2 * root) + np.where(x > 0, 0, g)

    def right(g, x):
        return g * np.where(x > 0, 1 / (2 * np.sqrt(np.abs(x))), 1)


@fault("Theano/Theano#1010", "input ignored", drawn(
    lambda rng, n: (4 * signed(rng, n), uniform(rng, n, low=-1.5, high=-0.5), uniform(rng, n)), n=(2, 5)
))  # fmt: skip
class clip_with_constant_bounds:
    """The bounds of a clip get no gradient, though the clipped elements are the bounds."""

    def value(x, low, high):
        return np.clip(x, low, high)

    def wrong(g, x, low, high):
        return g * ((low < x) & (x < high)), np.zeros_like(low), np.zeros_like(high)

    def right(g, x, low, high):
        return g * ((low < x) & (x < high)), g * (x < low), g * (x > high)


@fault("EnzymeAD/Enzyme-JAX#2105", "conjugate", drawn(complex_numbers, n=(1, 4)))
class exponential_not_conjugated:
    """The derivative of the complex exponential multiplies by the exponential and not by its conjugate."""

    def value(z):
        return np.exp(z)

    def wrong(g, z):
        return g * np.exp(z)

    def right(g, z):
        return g * np.conj(np.exp(z))


@fault("FluxML/Zygote.jl#1472", "singular point", drawn(lambda rng, n: np.zeros(n, complex), n=(1, 3)), kink=True)
class abs_of_complex_zero:
    """The absolute value of a complex 0 has a gradient of 0 / 0, where that of a real 0 is 0."""

    def value(z):
        return np.abs(z)

    def wrong(g, z):
        return g * z / np.abs(z)

    def right(g, z):
        return g * z / np.where(z == 0, 1, np.abs(z))


def at_the_border(rng, n, m):
    """An image of n pixels, and places in it of which one is exactly the last pixel."""
    places = rng.integers(0, n - 1, m) + rng.uniform(0.1, 0.9, m)
    places[rng.integers(0, m)] = n - 1
    return np.cumsum(uniform(rng, n)), places


@fault("pytorch/pytorch#23925", "tie", drawn(at_the_border, n=(2, 4), m=(1, 3)), kink=True, engine=False)
class interpolation_at_the_border:
    """Exactly on the last pixel, the slope is the one towards a zero beyond the image."""

    def value(image, x):
        left = np.minimum(np.floor(x).astype(int), len(image) - 2)
        x = np.minimum(x, len(image) - 1)
        return image[left] * (1 - (x - left)) + image[left + 1] * (x - left)

    def wrong(g, image, x):
        left = np.floor(x).astype(int)
        beyond = np.append(image, 0)
        by_image = np.zeros(len(beyond))
        np.add.at(by_image, left, g * (1 - (x - left)))
        np.add.at(by_image, left + 1, g * (x - left))
        return by_image[:-1], g * (beyond[left + 1] - beyond[left])

    def right(g, image, x):
        left = np.minimum(np.floor(x).astype(int), len(image) - 2)
        inside, part = x <= len(image) - 1, np.minimum(x - left, 1)
        by_image = np.zeros_like(image)
        np.add.at(by_image, left, g * (1 - part))
        np.add.at(by_image, left + 1, g * part)
        return by_image, g * inside * (image[left + 1] - image[left])
