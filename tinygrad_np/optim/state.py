"""Options and state of optimizers: their limits, and how they are saved and loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from tinygrad_np.tensor import Tensor

__all__ = ["check_options", "python_number", "read_state", "written_state"]

Options = dict[str, Any]

#: Option -> the lowest value that it may have, and the value that it must stay below.
_LIMITS: dict[str, tuple[float, float]] = {
    "lr": (0, math.inf),
    "weight_decay": (0, math.inf),
    "momentum": (0, math.inf),
    "alpha": (0, 1),
    "betas": (0, 1),
    "eps": (0, math.inf),
}


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Raise if a numerical option of the optimizer ``name`` is out of its limits.

    Raises
    ------
    TypeError
        If it is not a number, or ``betas`` not two of them.
    ValueError
        If it is too small, too large or NaN.
    """
    for option in options.keys() & _LIMITS.keys():
        value, (lowest, limit) = options[option], _LIMITS[option]
        if option == "betas" and not (isinstance(value, tuple | list) and len(value) == 2):
            raise TypeError(f"{name}: betas must be two numbers, not {value!r}")
        for number in value if option == "betas" else (value,):
            if not isinstance(number, Real):
                raise TypeError(f"{name}: {option} must be a number, not {number!r}")
            if not lowest <= number < limit:  # type: ignore[operator]  # no float(): compile follows the number
                raise ValueError(f"{name}: {option} must be at least {lowest} and below {limit}, not {number}")


def python_number(number: Any) -> Any:
    """Return a NumPy scalar as a Python number, which takes the dtype of what it meets; others as they are."""
    return number.item() if isinstance(number, np.generic) else number


def written_state(groups: list[Options], state: Mapping[Tensor, Options]) -> Options:
    """Return the options of ``groups`` and the ``state`` of their parameters as one flat dict, of copies."""
    flat: Options = {}
    for i, group in enumerate(groups):
        flat |= {f"groups.{i}.{option}": _copied(value) for option, value in _described(group).items()}
    for j, p in enumerate(_parameters(groups)):
        flat |= {f"state.{j}.{name}": _copied(value) for name, value in state.get(p, {}).items()}
    return flat


def read_state(
    name: str,
    flat: Mapping[str, Any],
    groups: list[Options],
    buffers: Callable[[Options], tuple[str, ...]],
) -> tuple[list[Options], dict[Tensor, Options]]:
    """Return (the options of each group, the state of each parameter) that ``flat`` holds; change nothing.

    Raises
    ------
    KeyError, TypeError, ValueError
        If ``flat`` is no state of an optimizer with these groups.
    """
    rest = dict(flat)

    def take(key: str) -> Any:
        if key not in rest:
            raise KeyError(f"{name}: the state lacks {key!r}; is it the state of another optimizer?")
        return rest.pop(key)

    all_options, state, j = [], {}, 0
    for i, group in enumerate(groups):
        options = {option: _plain(take(f"groups.{i}.{option}")) for option in _described(group)}
        size = options.pop("size")
        if size != len(group["params"]):
            raise ValueError(f"{name}: group {i} has {len(group['params'])} parameters, but the state has {size}")
        check_options(name, options)
        all_options.append(options)
        for p in group["params"]:
            if f"state.{j}.step" in rest:  # else it never had a gradient
                state[p] = {"step": _plain(take(f"state.{j}.step"))}
                if not (isinstance(state[p]["step"], int) and state[p]["step"] >= 0):
                    raise ValueError(f"{name}: state.{j}.step must be a count, not {state[p]['step']!r}")
                for buffer in buffers(options):
                    state[p][buffer] = _fitting(name, f"state.{j}.{buffer}", take(f"state.{j}.{buffer}"), p)
            j += 1
    if rest:
        raise KeyError(f"{name}: the state has unknown entries {list(rest)}; is it the state of another optimizer?")
    return all_options, state


def _parameters(groups: list[Options]) -> list[Tensor]:
    return [p for group in groups for p in group["params"]]


def _described(group: Options) -> Options:
    """A group without its parameters, but with their number."""
    return {"size": len(group["params"])} | {key: value for key, value in group.items() if key != "params"}


def _copied(value: Any) -> Any:
    """An entry of the flat dict: an array or a number."""
    return np.array(value) if isinstance(value, np.ndarray | tuple | list) else value


def _plain(value: Any) -> Any:
    """A loaded option as it was before it was saved: a number, or a tuple of numbers."""
    array = np.asarray(value)
    return tuple(array.tolist()) if array.ndim else array.item()


def _fitting(name: str, key: str, array: Any, p: Tensor) -> Any:
    array = np.array(array)
    if array.shape != p.shape or array.dtype != p.dtype:
        raise ValueError(
            f"{name}: {key} is {array.dtype}{list(array.shape)}, but its parameter is {p.dtype}{list(p.shape)}"
        )
    return array
