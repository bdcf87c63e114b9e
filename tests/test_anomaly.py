"""The first NaN or infinity is reported where it is born, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import AnomalyError, Tensor, detect_anomaly, grad
from tinygrad_np.observe import observe


def leaf(*values: float) -> Tensor:
    return Tensor(list(values), requires_grad=True, name="x")


@pytest.fixture(autouse=True)
def quiet() -> object:
    with np.errstate(all="ignore"):
        yield


def test_forward_it_names_the_operation_the_line_and_the_ranges() -> None:
    def model(x: Tensor) -> Tensor:
        y = x * 2
        z = np.log(y)
        return np.exp(z) + 1

    with (
        pytest.raises(AnomalyError, match=r"(?s)log made nan \(1 of 3 elements\).*from -2 to 6") as caught,
        detect_anomaly(),
    ):
        model(leaf(-1.0, 3.0, 1.0))
    error = caught.value
    assert (error.operation, error.backward) == ("log", False)
    assert error.where == (__file__, model.__code__.co_firstlineno + 2, "model")
    assert error.node.primitive.name == "log"


def test_backward_it_names_the_operation_and_the_line_of_its_forward_call() -> None:
    def model(x: Tensor) -> Tensor:
        return np.sqrt(x).sum()  # finite, but its slope at 0 is not

    with detect_anomaly():
        y = model(leaf(0.0, 1.0))
        with pytest.raises(AnomalyError, match="derivative of sqrt made inf") as caught:
            y.backward()
        with pytest.raises(AnomalyError, match="derivative of sqrt"):
            grad(model)(np.array([0.0]))
    assert caught.value.backward
    assert caught.value.where == (__file__, model.__code__.co_firstlineno + 1, "model")


def test_what_was_recorded_before_is_seen_in_the_backward_pass() -> None:
    y = np.sqrt(leaf(0.0)).sum()
    with detect_anomaly(), pytest.raises(AnomalyError, match="recorded before"):
        y.backward()


def test_the_graph_up_to_it() -> None:
    x = leaf(-1.0, 3.0)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        np.exp(np.log(x * 2) + 1)
    source = caught.value.graph.source
    assert all(name in source for name in ("multiply", "log"))
    assert "exp" not in source
    with detect_anomaly():
        y = np.sqrt(x * 0).sum()
        with pytest.raises(AnomalyError, match=r"(?s)for its operand x.*\n  out: float64\[2\] from 0 to 0") as caught:
            y.backward()
    assert "sqrt" in caught.value.graph.source


def test_only_the_first_is_blamed_and_only_inside() -> None:
    bad = np.log(leaf(-1.0))
    with detect_anomaly():
        assert np.isnan((bad * 2 + 1).sum().item())  # handed on, not made here
        (bad * 2).sum().backward()
    np.log(leaf(-1.0))
    np.sqrt(leaf(0.0)).sum().backward()


def test_infinities_that_are_meant() -> None:
    x = leaf(1.0, 2.0)
    with detect_anomaly(inf=False):
        np.exp(np.where([True, False], x, -np.inf)).sum().backward()
        with pytest.raises(AnomalyError, match="nan"):
            np.log(-x)
    with detect_anomaly():  # an operand is infinite already, so nobody here made it
        np.exp(np.where([True, False], x, -np.inf)).sum().backward()
    with detect_anomaly(nan=False):
        np.log(-x)
        with pytest.raises(AnomalyError, match="divide made inf"):
            1 / (x - 1)


def test_operations_of_several_results_and_complex_numbers() -> None:
    with detect_anomaly():
        w, v = np.linalg.eigh(Tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True))
        (w.sum() + v[0, 0]).backward()
        z = Tensor([1 + 1j, 0j], requires_grad=True)
        with pytest.raises(AnomalyError, match=r"sizes from 0 to 1\.41421"):
            np.log(z)


def test_another_observer_goes_on_watching() -> None:
    with observe() as steps, detect_anomaly():
        leaf(1.0) * 2
    assert [step.name for step in steps] == ["multiply"]
