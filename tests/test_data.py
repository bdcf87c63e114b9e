"""Data sets, splits and mini-batches."""

import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_np.data import Dataset, batches, digits, split

labels = hnp.arrays(np.int64, st.integers(10, 200), elements=st.integers(0, 4))
seeds = st.integers(0, 2**32)


def numbered(y):
    """Examples that know where they came from: row i of x is i."""
    return Dataset(np.arange(len(y))[:, None], y, class_names=tuple("abcde"))


@given(y=labels, validation=st.floats(0.1, 0.4), test=st.floats(0.1, 0.4), seed=seeds)
def test_split_deals_out_every_example_once_and_keeps_the_mix_of_classes(y, validation, test, seed):
    m = len(y)
    parts = split(numbered(y), validation, test, rng=seed)

    assert [part.name for part in parts] == ["training", "validation", "test"]
    n_validation, n_test = round(validation * m), round(test * m)
    assert [part.size for part in parts] == [m - n_validation - n_test, n_validation, n_test]
    places = np.concatenate([part.x[:, 0] for part in parts])
    assert np.array_equal(np.sort(places), np.arange(m))
    for part in parts:
        assert np.array_equal(part.y, y[part.x[:, 0]])
        counts, total = np.bincount(part.y, minlength=5), np.bincount(y, minlength=5)
        share = total * part.size / m
        # Each of the two cuts is off by half an example, and by what all five classes' halves shift the cut.
        assert np.all(np.abs(counts - share) <= 2 * (0.5 + total * 5 / (2 * m)) + 1e-9)


@given(seed=seeds)
def test_split_of_equal_classes_is_exactly_equal(seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(5), 40))
    for part, each in zip(split(numbered(y), 0.1, 0.3, rng=seed), (24, 4, 12), strict=True):
        assert np.bincount(part.y).tolist() == [each] * 5


def test_split_leaves_the_only_example_of_a_class_to_training():
    y = np.array([0] * 10 + [1] + [2] * 10)
    for seed in range(20):
        assert 1 in split(numbered(y), 0.2, 0.2, rng=seed)[0].y


def test_split_depends_on_the_seed_alone():
    data = numbered(np.arange(50) % 5)
    first, again, other = (split(data, rng=seed)[2].x for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_split_is_not_always_of_the_same_classes():
    # 3 places for 5 equal classes: which classes get one is a matter of chance, not of the label.
    data = numbered(np.arange(50) % 5)
    counts = sum(np.bincount(split(data, 0.1, 0.06, rng=seed)[2].y, minlength=5) for seed in range(200))
    assert counts.sum() == 600
    assert np.all(np.abs(counts - 120) < 40)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (-0.1, 0.2), (0.1, np.nan), (0.01, 0.2), (0.2, 0.01)])
def test_split_refuses_fractions_that_leave_a_part_empty(fractions):
    with pytest.raises(ValueError, match=r"fractions"):
        split(numbered(np.arange(20) % 5), *fractions, rng=0)


@given(m=st.integers(1, 60), batch_size=st.integers(0, 70), shuffle=st.booleans(), drop=st.booleans(), seed=seeds)
def test_batches_hold_every_example_once_with_its_own_label(m, batch_size, shuffle, drop, seed):
    x = np.arange(3 * m).reshape(m, 3)
    y = np.arange(m)
    drawn = list(batches(x, y, batch_size, rng=seed, shuffle=shuffle, drop_last=drop))

    size = batch_size or m
    sizes = [size] * (m // size) + ([m % size] if m % size and not drop else [])
    assert [len(labels) for _, labels in drawn] == sizes
    for rows, labels in drawn:
        assert np.array_equal(rows, x[labels])
    seen = np.concatenate([labels for _, labels in drawn]) if drawn else y[:0]
    assert len(set(seen)) == len(seen)
    if not shuffle:
        assert np.array_equal(seen, y[: len(seen)])


def test_a_generator_gives_every_epoch_another_order_and_a_seed_the_same():
    x = np.arange(100)[:, None]
    order = lambda rng: np.concatenate([y for _, y in batches(x, x[:, 0], 7, rng=rng)])  # noqa: E731
    rng = np.random.default_rng(0)
    first, second = order(rng), order(rng)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, order(0))


def test_batches_do_not_copy_the_data():
    x, y = np.zeros((20_000, 100), np.float32), np.zeros(20_000, np.int64)  # 8 MB
    tracemalloc.start()
    try:
        for _ in batches(x, y, 100, rng=0):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000  # an order of 20,000 and two batches
    assert all(np.shares_memory(rows, x) for rows, _ in batches(x, y, 1000, shuffle=False))


def test_batches_refuse_bad_arguments_at_the_call():
    with pytest.raises(ValueError, match="3 examples and y has 2"):
        batches(np.zeros((3, 1)), np.zeros(2))
    with pytest.raises(ValueError, match="batch_size=-1"):
        batches(np.zeros((3, 1)), np.zeros(3), -1)


def test_digits_are_those_of_scikit_learn():
    x, y = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    data = digits()
    assert data.x.dtype == np.float32
    assert data.x.min() == 0
    assert data.x.max() == 1
    assert np.array_equal(data.x * 16, x)
    assert np.array_equal(data.y, y)
    assert data.class_names == tuple("0123456789")
    assert digits(np.float64).x.dtype == np.float64


def test_digits_without_scikit_learn_name_the_extra(monkeypatch):
    for module in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"tinygrad_np\[train\]"):
        digits()


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (np.zeros((3, 2)), np.zeros(2, int), {}, r"\(3, 2\).*\(2,\)"),
        (np.zeros(3), np.zeros(3, int), {}, "one row per example"),
        (np.zeros((0, 2)), np.zeros(0, int), {}, "no examples"),
        (np.zeros((2, 2)), np.zeros(2, complex), {}, "labels must be integers, .* not complex128"),
        (np.zeros((2, 2)), np.array([0, -1]), {}, "label -1 is outside"),
        (np.zeros((2, 2)), np.array([0, 2]), {"class_names": ("a", "b")}, "label 2 is outside the 2 classes"),
        (np.zeros((2, 6)), np.array([0, 1]), {"image_shape": (2, 2)}, r"no image of \(2, 2\)"),
    ],
)
def test_a_data_set_is_checked_when_it_is_made(x, y, options, message):
    with pytest.raises(ValueError, match=message):
        Dataset(x, y, **options)
