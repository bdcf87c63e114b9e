"""``Module``: a model as a plain tree of attributes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from reprlib import recursive_repr
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.errors.kinds import StateError
from tinygrad_np.tensor import Tensor

__all__ = ["Module", "call_watcher", "listed"]

M = TypeVar("M", bound="Module")

#: Is told of each call of a module, and returns whom to tell of the result: for whoever sets it in this context.
call_watcher: ContextVar[Callable[[Module], Callable[[Any], None]] | None] = ContextVar("call_watcher", default=None)


def _without_forward(self: Module, *args: Any, **kwargs: Any) -> Any:
    name = type(self).__name__
    raise NotImplementedError(f"{name} cannot be called: give the class a method 'def forward(self, x): ...'")


class Module:
    """A function with parameters: the base class of layers and models.

    Nothing is registered. The parameters of a module are the Tensors that require a gradient among its attributes
    and, in turn, among those of modules, lists, tuples and dicts that it finds there. Their names are the
    paths to them. What is found twice counts once, under the first path.

    A subclass needs ``__init__`` and ``forward``.

    Attributes
    ----------
    training : bool
        Whether layers such as :class:`Dropout` behave as in training; set by :meth:`train` and :meth:`eval`.
    forward : callable
        What calling the module does.

    Examples
    --------
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factors = [Tensor(2.0, requires_grad=True), Tensor(3.0)]
    ...     def forward(self, x):
    ...         return self.factors[0] * x + self.factors[1]
    >>> Scale()(5.0).item()
    13.0
    >>> [name for name, _ in Scale().named_parameters()]
    ['factors.0']
    >>> list(Scale().state_dict())
    ['factors.0', 'factors.1']
    """

    training: bool = True
    forward: Callable[..., Any] = _without_forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute :attr:`forward`."""
        watch = call_watcher.get()
        if watch is None:
            return self.forward(*args, **kwargs)
        done = watch(self)
        result = self.forward(*args, **kwargs)
        done(result)  # not after an error: whoever watches knows then which modules have not come to an end
        return result

    # --- the tree ---------------------------------------------------------------------------------------------------
    def _walk(self) -> Iterator[tuple[str, Tensor | Module]]:
        """Yield each Tensor and each module below, and this one, with the path to it; parents before children."""
        seen: set[int] = set()
        stack: list[tuple[str, Any]] = [("", self)]
        while stack:
            path, found = stack.pop()
            if not isinstance(found, Tensor | Module | list | tuple | dict) or id(found) in seen:
                continue
            seen.add(id(found))
            if isinstance(found, Tensor | Module):
                yield path, found
            prefix = f"{path}." if path else ""
            stack += [(f"{prefix}{name}", child) for name, child in reversed(_children(found).items())]

    def _named_tensors(self) -> dict[str, Tensor]:
        """The Tensors that are no results: parameters, and what else belongs to the state."""
        tensors: dict[str, Tensor] = {}
        for path, found in self._walk():
            if isinstance(found, Tensor) and found.is_leaf:
                if path in tensors:
                    raise ValueError(
                        f"two Tensors of this {type(self).__name__} are called {path!r}; rename a key of a dict"
                    )
                tensors[path] = found
        return tensors

    def modules(self) -> list[Module]:
        """Return this module and all modules below it."""
        return [found for _, found in self.named_modules()]

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yield (path, module), this one first, whose path is empty."""
        return ((path, found) for path, found in self._walk() if isinstance(found, Module))

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield (path, parameter), in the order of the attributes.

        A parameter without a name is named so, for drawings and error messages.
        """
        for path, tensor in self._named_tensors().items():
            if tensor.requires_grad:
                if tensor.name is None:
                    tensor.name = path
                yield path, tensor

    def parameters(self) -> list[Tensor]:
        """Return the Tensors that require a gradient, each once."""
        return [parameter for _, parameter in self.named_parameters()]

    # --- the state --------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return copies of the arrays of all Tensors, those that require no gradient included, by their paths."""
        return {path: tensor._data.copy() for path, tensor in self._named_tensors().items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Replace the values of the Tensors. All is checked first: after an error, nothing has changed.

        Parameters
        ----------
        state_dict : mapping of str to array
            What :meth:`state_dict` returned, of a module with the same Tensors.
        strict : bool
            If false, Tensors that are not in ``state_dict`` keep their values, and names that are no Tensor's are
            ignored; shapes and dtypes still have to agree.

        Raises
        ------
        KeyError
            If names are missing or unknown.
        ValueError
            If a shape is another one.
        TypeError
            If a dtype is another one.
        """
        tensors = self._named_tensors()
        missing, unknown = [n for n in tensors if n not in state_dict], [n for n in state_dict if n not in tensors]
        if strict and (missing or unknown):
            mend = _renaming(missing, unknown) or "with strict=False, what is missing or unknown is passed over"
            raise StateError(
                f"the state does not fit this {type(self).__name__}: missing {_some(missing)}; "
                f"unknown {_some(unknown)}; {mend}"
            )
        arrays = {name: np.asarray(state_dict[name]) for name in tensors if name in state_dict}
        for name, array in arrays.items():
            tensor = tensors[name]
            if array.shape != tensor.shape:
                raise ValueError(f"{name!r} has shape {tensor.shape}, but the state has {array.shape}")
            if array.dtype != tensor.dtype:
                raise TypeError(
                    f"{name!r} has dtype {tensor.dtype}, but the state has {array.dtype}; convert the state, or make "
                    f"the model with dtype={array.dtype}"
                )
        for name, array in arrays.items():
            tensors[name].data = array

    # --- modes ------------------------------------------------------------------------------------------------------
    def train(self: M, mode: bool = True) -> M:
        """Set ``training`` to ``mode`` here and in all modules below; return this module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Leave the training mode: ``train(False)``."""
        return self.train(False)

    @recursive_repr("...")
    def __repr__(self) -> str:
        lines, within = [], None  # a module that is shown shows itself what is below it
        for path, found in self._walk():
            if found is self or (within is not None and path.startswith(within)):
                continue
            if isinstance(found, Module):
                within = f"{path}."
                lines.append(f"{path}: {found!r}")
            else:
                lines.append(f"{path}: {found.dtype}{list(found.shape)}")
        return listed(type(self).__name__, lines)


def listed(name: str, lines: list[str]) -> str:
    """Return ``name(...)`` with each of ``lines`` on a line of its own."""
    body = "".join(f"{textwrap.indent(line, '  ')},\n" for line in lines)
    return f"{name}(\n{body})" if lines else f"{name}()"


def _some(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:3])) or "nothing"
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _renaming(missing: list[str], unknown: list[str]) -> str:
    """What to do if all names of a state differ by one prefix, as those of a part of a model do."""
    for these, those, mend in (
        (missing, unknown, "drop it: {{name.removeprefix({!r}): a for name, a in state.items()}}"),
        (unknown, missing, "add it: {{{!r} + name: a for name, a in state.items()}}"),
    ):
        if these and len(these) == len(those) and those[0].endswith(f".{these[0]}"):
            prefix = those[0].removesuffix(these[0])
            if [prefix + name for name in these] == those:
                return f"the names differ by the prefix {prefix!r}; {mend.format(prefix)}"
    return ""


def _children(found: Any) -> dict[Any, Any]:
    if isinstance(found, Module):
        return vars(found)
    if isinstance(found, list | tuple):
        return dict(enumerate(found))
    return found if isinstance(found, dict) else {}
