"""``Optimizer``: what all optimizers have in common.

An optimizer is a formula for the change of one parameter: a subclass is little more than that formula.

A step never writes into a parameter's array, which graphs, detached Tensors and views may share. It computes the
change in a new array, subtracts it there, and binds the parameter to that. So a graph that is older than a step still
has the values that it was computed with, and gives the gradient of what it computed. The price is one allocation
per parameter and step, about 3% of the time of a training step of a small network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.errors.warning import warn
from tinygrad_np.optim.packing import common_memory, is_small, parts
from tinygrad_np.optim.state import check_options, python_number, read_state, written_state
from tinygrad_np.spent import used_again
from tinygrad_np.tensor import Tensor

__all__ = ["Optimizer", "Parameters"]

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]
Array = NDArray[Any]


class Optimizer:
    """Base class of the optimizers.

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        What to optimize. Each dict is a group: ``"params"``, its Tensors, and options that differ from the others'.
    **options
        The options of all groups. Those that every optimizer has:

        lr : float
            The learning rate.
        weight_decay : float
            The λ of an L2 penalty λ/2 Σp²: λp is added to the gradient.
        decoupled_weight_decay : bool
            Let the parameter itself decay instead, by ``lr * weight_decay`` of its value in each step
            (Loshchilov and Hutter, 2019). For SGD without momentum that is the same.

    Attributes
    ----------
    param_groups : list of dict
        The groups, complete; ``optimizer.param_groups[0]["lr"] = 0.01`` takes effect in the next step.
    state : dict of Tensor to dict
        What is remembered of each parameter: ``"step"``, and arrays of the parameter's shape and dtype.

    Notes
    -----
    A deep copy, or a pickle, optimizes copies of the parameters: take model and optimizer together, by
    ``copy.deepcopy((model, optimizer))``.

    Raises
    ------
    TypeError
        If something in ``params`` is not a Tensor, or an option is unknown.
    ValueError
        If there are no parameters, one occurs twice or does not require a gradient, or an option is out of its limits.
    """

    #: ``_change(g, t, state, **options)`` writes into ``t`` what to subtract from a parameter with gradient ``g``,
    #: and updates ``state``. Elementwise: it may be given several parameters as one vector.
    _change: Callable[..., None]

    #: ``_buffers(options)`` names the arrays in ``state``, which begin as zeros.
    _buffers: Callable[[Mapping[str, Any]], tuple[str, ...]]

    def __init__(self, params: Parameters, **options: Any) -> None:
        self.defaults = options
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        if callable(params) or isinstance(params, Tensor | dict):
            raise TypeError(
                f"{self._name}: params must be a list of Tensors or of groups, not a {type(params).__name__}; "
                f"of a model, pass model.parameters()"
            )
        given: list[Any] = list(params)
        if not given:
            raise ValueError(f"{self._name}: there are no parameters; do the Tensors have requires_grad=True?")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add parameters with options of their own. See :class:`Optimizer` for what can go wrong."""
        if not isinstance(group, dict) or "params" not in group:
            raise TypeError(f"{self._name}: a group is a dict with 'params' and perhaps options, not {group!r}")
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        unknown = group.keys() - self.defaults.keys() - {"params"}
        if unknown:
            raise TypeError(f"{self._name} has no option {sorted(unknown)}; it has {list(self.defaults)}")
        options = self.defaults | {key: value for key, value in group.items() if key != "params"}
        check_options(self._name, options)
        if options["lr"] == 0:
            raise ValueError(f"{self._name}: lr must be above 0, or nothing would be learned")
        if not params:
            raise ValueError(f"{self._name}: a group has no parameters")
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for i, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise TypeError(f"{self._name}: parameter {i} is a {type(p).__name__}, not a Tensor")
            label = f"parameter {i}{f' ({p.name!r})' if p.name else ''}, of shape {p.shape},"
            if not p.is_leaf:
                raise ValueError(f"{self._name}: {label} is a result; optimize the leaves that it was computed from")
            if not p.requires_grad:
                raise ValueError(f"{self._name}: {label} does not require a gradient: set requires_grad=True")
            if p.dtype.kind != "f":
                raise TypeError(f"{self._name}: {label} is {p.dtype}; take the real and the imaginary part as two")
            if id(p) in known:
                raise ValueError(f"{self._name}: {label} occurs twice: it would take two steps at once")
            known.add(id(p))
        self.param_groups.append({"params": params} | options)

    # --- a step -----------------------------------------------------------------------------------------------------
    def set_up(self) -> None:
        """Make the memory of all parameters now, and not each in its first step."""
        for group in self.param_groups:
            for p in group["params"]:
                memory = self.state.setdefault(p, {"step": 0})
                for name in self._buffers(group):
                    memory.setdefault(name, np.zeros_like(p._data))

    def step(self) -> None:
        """Change each parameter that has a gradient; the others stay as they are.

        Warns
        -----
        MistakeWarning
            If no parameter has ever had a gradient, or one contains a gradient that an earlier step has used: then
            :meth:`zero_grad` was forgotten.

        Raises
        ------
        ValueError
            If a learning rate has become negative, infinite or NaN. No parameter has changed then.
        """
        for group in self.param_groups:
            check_options(self._name, {"lr": group["lr"]})
        if not self.state and all(p.grad is None for group in self.param_groups for p in group["params"]):
            warn(
                f"{self._name}.step: no parameter has a gradient, so nothing changes; call loss.backward() before it, "
                f"and zero_grad() not between the two"
            )
        stale = False
        for group in self.param_groups:
            options = {key: value for key, value in group.items() if key != "params"}
            lr = options["lr"] = python_number(group["lr"])
            decay, decoupled = float(options.pop("weight_decay")), options.pop("decoupled_weight_decay")
            buffers = self._buffers(options)
            keeps = 1 - lr * decay if decay and decoupled else None  # of each parameter
            small: dict[tuple[int, int], list[tuple[Tensor, Array]]] = {}
            for p in group["params"]:
                if (gradient := p.grad) is None:
                    continue
                stale |= used_again(gradient)
                value, g = p._data, gradient._data
                state = self.state.get(p) or self.state.setdefault(p, {"step": 0})
                for name in buffers:
                    if name not in state:
                        state[name] = np.zeros_like(value)
                state["step"] += 1
                if decay and not decoupled:
                    g = decay * value + g
                if buffers and is_small(value):
                    small.setdefault((id(value.dtype), state["step"]), []).append((p, g))
                    continue
                t = np.empty_like(value)
                self._change(g, t, state, **options)
                p._data = np.subtract(value if keeps is None else value * keeps, t, t)
            for (_, step), members in small.items():
                params, gs = zip(*members, strict=True)
                g = np.concatenate([g.reshape(-1) for g in gs])
                t = np.empty_like(g)
                self._change(g, t, {"step": step} | common_memory(self, params, buffers), **options)
                for p, change in zip(params, parts(t, params), strict=True):
                    p._data = np.asarray((p._data if keeps is None else p._data * keeps) - change)  # not a NumPy scalar
        if stale:
            warn(
                f"{self._name}.step: the gradients still contain what an earlier step has used, for backward() adds to "
                f"what is there; call optimizer.zero_grad() before loss.backward()"
            )

    def zero_grad(self) -> None:
        """Forget the gradients: ``backward`` adds to what is there."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    # --- saving and loading -----------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """Return all options and all that is remembered, as a flat dict of copied arrays and of numbers.

        The keys are ``groups.0.lr`` and the like, and ``state.0.step`` with parameters numbered through all groups.
        """
        return written_state(self.param_groups, self.state)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over options and memory. All is checked first: after an error, nothing has changed.

        Parameters
        ----------
        state_dict : mapping
            What :meth:`state_dict` returned, of an optimizer of the same kind with the same groups. Numbers may have
            become arrays without axes, as they do in ``.npz`` files.

        Raises
        ------
        KeyError
            If entries are missing or unknown.
        TypeError, ValueError
            If an option is out of its limits, or an array does not have its parameter's shape and dtype.
        """
        options, state = read_state(self._name, state_dict, self.param_groups, self._buffers)
        for group, loaded in zip(self.param_groups, options, strict=True):
            group.update({option: value for option, value in loaded.items() if group[option] != value})
        for p in [p for p in self.state if p not in state]:
            del self.state[p]
        for p, memory in state.items():  # into the dicts that are there; compiled steps know them, and equal options
            known = self.state.setdefault(p, {})
            known.clear()
            known.update(memory)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        groups = []
        for group in self.param_groups:
            shown = [f"{key}={value}" for key, value in group.items() if key != "params" and value is not False]
            groups.append(f"{len(group['params'])} parameters, {', '.join(shown)}")
        return f"{self._name}({'; '.join(groups)})"
