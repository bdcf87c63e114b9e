"""Faults inside of functions: the operation is found, in other worlds, too."""

from __future__ import annotations

import linecache

import numpy as np
import pytest
from faults import FAULTS
from faults.operations import COMPOSITES
from faults.worlds import autograd_function, engine_function, jax_function, torch_function
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np.testing import GradientError, autograd, check_gradients, jax, pytorch

few = settings(max_examples=max(3, settings.default.max_examples // 8))
second = {name for name, c in COMPOSITES.items() if c.mistake == "second derivative"}


@pytest.mark.parametrize("composite", COMPOSITES.values(), ids=list(COMPOSITES))
@few
@given(data=st.data(), mode=st.sampled_from(["fast", "full"]))
def test_right_operations_pass(composite, data, mode):
    inputs = data.draw(composite.inputs)
    check_gradients(lambda *x: composite.function(composite.right, *x), *inputs, mode=mode, order=2)


@pytest.mark.parametrize("composite", [c for c in COMPOSITES.values() if c.name not in second], ids=lambda c: c.name)
@few
@given(data=st.data())
def test_the_guilty_operation_is_found(composite, data):
    inputs = data.draw(composite.inputs)
    with pytest.raises(GradientError) as error:
        check_gradients(lambda *x: composite.function(composite.wrong, *x), *inputs)
    location = error.value.report.location
    assert location.operation == composite.name
    assert location.report.mistake == composite.mistake
    assert "(" in linecache.getline(location.file, location.line)
    assert error.value.report.graph is not None


@pytest.mark.parametrize("name", sorted(second))
@few
@given(data=st.data())
def test_wrong_second_derivatives_are_found(name, data):
    composite = COMPOSITES[name]
    inputs = data.draw(composite.inputs)

    def f(x):
        return composite.function(composite.wrong, x)

    assert check_gradients(f, *inputs, order=1).passed
    with pytest.raises(GradientError) as error:
        check_gradients(f, *inputs, order=2)
    assert error.value.report.mistake == "second derivative"


def reduced(operation):
    """A function with this operation in the middle, and a real result."""

    def function(*inputs):
        out = operation(*inputs)
        return sum(np.sum(np.real(o) * (0.3 + np.arange(o.size).reshape(o.shape))) for o in _tuple(out))

    return function


def _tuple(out):
    return out if isinstance(out, tuple) else (out,)


#: Some of each kind: what matters here are the worlds. (The engine itself sums what was broadcast, and casts.)
SOME = [
    "repeated_index", "bias_averaged", "arctan2_of_swapped_arguments", "complex_product_not_conjugated",
    "last_cell_state_ignored",
]  # fmt: skip


@pytest.mark.parametrize("name", SOME)
@few
@given(data=st.data())
def test_own_derivatives_are_found(name, data):
    fault = FAULTS[name]
    inputs = data.draw(fault.inputs)
    assert check_gradients(reduced(engine_function(fault, fault.right)), *inputs, order=1).passed
    with pytest.raises(GradientError) as error:
        check_gradients(reduced(engine_function(fault, fault.wrong)), *inputs, order=1)
    assert error.value.report.location.operation == fault.name


WORLDS = {"torch": (torch_function, pytorch), "jax": (jax_function, jax), "autograd": (autograd_function, autograd)}


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("world", WORLDS)
@settings(few, max_examples=2)
@given(data=st.data())
def test_functions_of_other_worlds(world, name, data):
    pytest.importorskip(world)
    fault, (function, adapter) = FAULTS[name], WORLDS[world]
    if world == "autograd" and name == "last_cell_state_ignored":
        pytest.skip("its primitives have one result")
    inputs = data.draw(fault.inputs)
    floating = [x for x in inputs if x.dtype.kind in "fc"]
    assert check_gradients(adapter(function(fault, fault.right, inputs)), *floating).passed
    with pytest.raises(GradientError) as error:
        check_gradients(adapter(function(fault, fault.wrong, inputs)), *floating)
    assert error.value.report.mistake == fault.mistake
