"""``check_gradients``: is a gradient right? Several independent oracles say, and if they disagree, who with whom."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np

from tinygrad_np.testing.calls import Call, as_input
from tinygrad_np.testing.check import Check
from tinygrad_np.testing.functions import differentiable, one_each, takes, with_gradient
from tinygrad_np.testing.report import Report, reproduction
from tinygrad_np.testing.settings import defaults, told
from tinygrad_np.tree import tree_map

__all__ = ["check_gradients"]

DEFAULTS = {"mode": "fast", "order": None, "at_kinks": "move", "rng": 0}


def check_gradients(
    f: Any,
    *inputs: Any,
    formula: Any = None,
    reference: Any = None,
    order: Literal[1, 2] | None = None,
    mode: Literal["fast", "full"] | None = None,
    wrt: Any = None,
    parameters: Any = None,
    at_kinks: Literal["move", "reject", "interval"] | None = None,
    rng: Any = None,
    name: str | None = None,
) -> Report:
    """Test a gradient at one point: by finite differences, a formula, and another implementation.

    Parameters
    ----------
    f : callable, pair or Differentiable
        A function of Tensors, whose gradient by this library is tested; a pair ``(f, vjp)`` of NumPy functions; or
        any object of the protocol in :mod:`tinygrad_np.testing.functions`. Several results are fine.
    *inputs
        Arrays, Tensors, floats, and nested lists, tuples and dicts of them. The function is differentiated by those of
        floating-point or complex dtype, whatever their shape and precision; everything else is passed on.
    formula : callable, optional
        A gradient by hand: of a real scalar function ``formula(*inputs)``, otherwise ``formula(cotangent, *inputs)``.
        It returns the gradient, or a tuple with one for each input (or each input of ``wrt``).
    reference : callable, optional
        The same function by other means: an object of the protocol, such as ``pytorch(torch.special.erf)``.
    order : {1, 2}, optional
        The highest derivative to test; 1 in fast mode, 2 in full mode, unless you say otherwise. The second derivative
        is tested of functions of Tensors only.
    mode : {"fast", "full"}
        ``"fast"``, the default, looks along one random direction, at the price of a few gradients; ``"full"`` at each
        derivative of each result by each input, and at all else that a gradient has to be besides right: linear in the
        cotangent, additive, the same in forward mode and in single precision.
    wrt : int, str, or a sequence of them, optional
        Which inputs to differentiate by, by position or name.
    parameters : Module, or dict or list of Tensors, optional
        Tensors that ``f`` uses without being given them: tested, too. A Module as ``f`` brings its own.
    at_kinks : {"move", "reject", "interval"}
        What to do at a point where the function has no derivative. There, a gradient has to lie between the derivatives
        around. ``"interval"`` tests that; ``"move"``, the default, tests it, and the gradient at a point nearby;
        ``"reject"`` raises :class:`KinkError`.
    rng : Generator or int
        Draws the direction and the cotangents; 0 by default, the same in each run.
    name : str, optional
        What to call the function.

    Returns
    -------
    Report
        What was measured; prints as one line.

    Raises
    ------
    GradientError
        If a gradient is wrong. Its text says which, where, by how much, and what the mistake may be; so does
        ``.report``. It is an AssertionError.
    KinkError
        If the function has no derivative there.
    TypeError
        If no input, or no result, is of floating-point dtype.

    Notes
    -----
    The slope along a direction comes from differences with several steps, extrapolated to zero, with an estimate of
    its error (:mod:`tinygrad_np.testing.slopes`). Gradients agree with it where they differ by no more than a few such
    errors, so there is no tolerance to choose. The evidence that a report shows is the order at which the
    Taylor remainder ``|phi(t) - phi(0) - t s|`` falls: 2 for a right slope ``s``, 1 for a wrong one.

    Single and half precision are judged against the same computation in double precision, and by how much
    the gradient moves when the inputs move by their rounding.

    Examples
    --------
    >>> check_gradients(np.tanh, [0.5, -1.0])
    tanh: gradient right (order 2.0; error ...; 2 gradients, 4 values)
    >>> check_gradients((lambda x: x**3, lambda g, x: g * 2 * x**2), [0.5, -1.0], name="cube")
    Traceback (most recent call last):
    ...
    tinygrad_np.testing.report.GradientError: cube, first derivative: argument 0 'x' is wrong at [1]: ...
    """
    given_options = {"mode": mode, "order": order, "at_kinks": at_kinks, "rng": rng}
    options = {**DEFAULTS, **defaults()} | {key: value for key, value in given_options.items() if value is not None}
    mode, order, at_kinks, rng = (options[key] for key in given_options)
    if mode not in ("fast", "full") or at_kinks not in ("move", "reject", "interval"):
        raise ValueError(
            f"mode is 'fast' or 'full', at_kinks is 'move', 'reject' or 'interval'; not {mode!r}, {at_kinks!r}"
        )
    function = differentiable(f, parameters)
    given = [as_input(x) for x in inputs]
    hidden = getattr(function, "parameters", None) or {}
    if hidden:
        given.append({key: p._data for key, p in hidden.items()})
    call = Call(function, given, wrt, bool(hidden))
    title = name or function.name
    if not call.at:
        raise TypeError(f"{title}: no input is of floating-point dtype, so there is nothing to differentiate by")
    seed = int(rng.integers(2**32)) if isinstance(rng, np.random.Generator) else rng
    check = Check(call, title, np.random.default_rng(seed), at_kinks)
    said = {"formula": formula, "reference": reference, "order": order, "mode": mode, "wrt": wrt,
            "parameters": parameters, "at_kinks": at_kinks, "rng": seed}  # fmt: skip
    check.report.again = partial(reproduction, title, given[: len(inputs)], said)
    if formula is not None:
        check.others["the formula"] = _formula(call, formula)
    if reference is not None:
        other = differentiable(reference)
        check.others[f"the reference {other.name!r}"] = Call(other, given, wrt)
    return told(lambda: check.run(mode == "full", order or (2 if mode == "full" else 1)))


def _formula(call: Call, formula: Any) -> Call:
    """A call of the function with the gradient by hand in place of its own."""
    differentiated = sorted(set(call.arguments))

    def gradient(cotangents: Any, *inputs: Any) -> tuple[Any, ...]:
        scalar = not isinstance(cotangents, tuple) and np.ndim(cotangents) == 0 and cotangents.dtype.kind == "f"
        plain = scalar and takes(formula, len(inputs))
        found = formula(*inputs) if plain else formula(cotangents, *inputs)
        if not isinstance(found, tuple) and len(differentiated) == 1:
            found = (found,)
        if isinstance(found, tuple) and len(found) == len(differentiated) != len(inputs):
            known = dict(zip(differentiated, found, strict=True))
            found = tuple(known.get(i) for i in range(len(inputs)))
        scale = cotangents if plain else 1.0
        return tuple(tree_map(lambda g: g * scale, share) for share in one_each(found, inputs))

    return call.of(with_gradient(call.function.value, gradient, "the formula"))
