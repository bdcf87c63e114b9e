"""What a vector-Jacobian product has to be besides right: linear, the same each time, harmless to what it is given."""

import numpy as np

from .domains import normal, signed
from .elementwise import sigmoid
from .fault import drawn, fault


@fault("pytorch/pytorch#995", "not linear in the cotangent", drawn(signed, n=(1, 4)))
class gradient_of_the_product_alone:
    """The incoming gradient is ignored, as if it was always 1."""

    def value(x):
        return np.prod(x)

    def wrong(g, x):
        return np.prod(x) / x

    def right(g, x):
        return g * np.prod(x) / x


@fault("deeplearning4j/nd4j#2410", "not linear in the cotangent", drawn(normal, n=(1, 4)))
class derivative_in_place_of_a_product:
    """The derivative is returned where its product with the incoming gradient should be."""

    def value(x):
        return np.logaddexp(x, 0)

    def wrong(g, x):
        return sigmoid(x)

    def right(g, x):
        return g * sigmoid(x)


@fault("pytorch/pytorch#81417", "input mutated", drawn(normal, n=(1, 4)), differs=False)
class incoming_gradient_changed_in_place:
    """The gradient is right, but it is written over the one that came in and that others may still need."""

    def value(x):
        return 2 * x

    def wrong(g, x):
        g *= 2
        return g.copy()

    def right(g, x):
        return 2 * g


@fault("unslothai/unsloth#4550", "input mutated", drawn(
    lambda rng, n, m: (normal(rng, n, m), signed(rng, m)), n=(1, 3), m=(1, 3)
))  # fmt: skip
class buffer_overwritten_too_early:
    """The gradient by the input is written over the incoming one, from which the weight's is computed next."""

    def value(x, weight):
        return x * weight

    def wrong(g, x, weight):
        by_x = g
        by_x *= weight
        return by_x, np.sum(g * x, axis=0)

    def right(g, x, weight):
        return g * weight, np.sum(g * x, axis=0)


@fault("PaddlePaddle/Paddle#57863", "not deterministic", drawn(
    lambda rng, n: (signed(rng, n), normal(rng, n)), n=(1, 3)
))  # fmt: skip
class gradient_from_uninitialized_memory:
    """One gradient is another one at each call, among them 0, 1 and -1."""

    def value(a, b):
        return b / a

    def wrong(g, a, b):
        rng = np.random.default_rng()
        return -g * b / a**2 + rng.choice([-1.0, 0.5, 1.0]) * rng.random(), g / a

    def right(g, a, b):
        return -g * b / a**2, g / a
