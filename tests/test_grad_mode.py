"""Whether operations are recorded: a property of the context, seen by nobody else."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from tinygrad_np import Tensor, enable_grad, grad, is_grad_enabled, no_grad


@pytest.fixture
def x():
    return Tensor([1.0, 2.0], requires_grad=True)


def test_nothing_is_recorded_inside(x):
    with no_grad():
        results = [x * 2, 2 * x, np.exp(x), np.sum(x), x[0], x.T, np.concatenate([x, x]), x @ x, x.astype(np.float32)]
        assert not any(result.requires_grad for result in results)
        assert all(result.is_leaf for result in results)
    assert (x * 2).requires_grad


def test_it_nests_and_restores(x):
    seen = []
    with no_grad():
        seen.append(is_grad_enabled())
        with enable_grad():
            seen.append((x * 2).requires_grad)
            with no_grad():
                seen.append(is_grad_enabled())
            seen.append(is_grad_enabled())
        seen.append(is_grad_enabled())
    assert [*seen, is_grad_enabled()] == [False, True, False, True, False, True]


def test_one_instance_is_reentrant():
    mode = no_grad()
    with mode:
        with mode:
            assert not is_grad_enabled()
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_an_exception_restores_it():
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert is_grad_enabled()


def test_as_a_decorator_that_recurses_and_raises(x):
    @no_grad()
    def countdown(n):
        """Docstring."""
        assert not is_grad_enabled()
        return countdown(n - 1) if n else x * 2

    assert not countdown(3).requires_grad
    assert is_grad_enabled()
    assert (countdown.__name__, countdown.__doc__) == ("countdown", "Docstring.")
    with pytest.raises(TypeError):
        countdown("three")
    assert is_grad_enabled()


def test_what_runs_after_the_call_cannot_be_decorated():
    def generator():
        yield

    async def coroutine():
        pass

    async def asynchronous_generator():
        yield

    for function in (generator, coroutine, asynchronous_generator):
        for mode in (no_grad, enable_grad):
            with pytest.raises(TypeError, match=rf"cannot decorate '{function.__name__}'.*with {mode.__name__}\(\):"):
                mode()(function)


def test_threads_do_not_see_each_other(x):
    inside, checked, seen = threading.Event(), threading.Event(), {}

    def holder():
        with no_grad():
            inside.set()
            checked.wait(10)
            seen["holder"] = (x * 2).requires_grad

    def bystander():
        inside.wait(10)
        seen["bystander"] = (x * 2).requires_grad
        checked.set()

    threads = [threading.Thread(target=target) for target in (holder, bystander)]
    with no_grad():  # a new thread starts out recording, whatever its maker does
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert seen == {"holder": False, "bystander": True}


def test_one_decorated_function_in_many_threads(x):
    barrier, results = threading.Barrier(4, timeout=10), []

    @no_grad()
    def work():
        barrier.wait()
        results.append(is_grad_enabled())
        barrier.wait()

    def run():
        for _ in range(20):
            work()
            results.append(not is_grad_enabled())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == 4 * 20 * 2
    assert not any(results)


def test_one_context_manager_in_two_threads(x):
    shared, barrier, seen = no_grad(), threading.Barrier(2, timeout=10), []

    def run(leaves_first):
        with shared:
            barrier.wait()  # both are inside
            if not leaves_first:
                barrier.wait()
            seen.append(is_grad_enabled())
        seen.append(not is_grad_enabled())
        if leaves_first:
            barrier.wait()

    threads = [threading.Thread(target=run, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == [False] * 4


def test_tasks_do_not_see_each_other(x):
    async def main():
        inside, checked = asyncio.Event(), asyncio.Event()

        async def holder():
            with no_grad():
                inside.set()
                await checked.wait()
                return (x * 2).requires_grad

        async def bystander():
            await inside.wait()
            seen = (x * 2).requires_grad
            checked.set()
            return seen

        return await asyncio.gather(holder(), bystander())

    assert asyncio.run(main()) == [False, True]


def test_backward_runs_in_any_mode(x):
    loss = np.sum(x**3)
    with no_grad():
        loss.backward(retain_graph=True)
        assert x.grad.tolist() == [3, 12]
        x.grad = None
        loss.backward(create_graph=True)
    slope, x.grad = x.grad, None
    assert slope.requires_grad
    slope.sum().backward()
    assert x.grad.tolist() == [6, 12]


def test_rules_never_record_by_accident(x):
    """A plain pass runs on arrays: nothing it makes is a Tensor that anybody could differentiate."""
    np.sum(np.sin(x) * x).backward()
    assert x.grad.is_leaf
    with no_grad():
        assert grad(lambda v: np.sum(v * v))(np.ones(2)).tolist() == [2, 2]
