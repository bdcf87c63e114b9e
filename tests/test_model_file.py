"""A model in a file: what was saved comes back, and what nobody saved is refused in one sentence."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np import nn
from tinygrad_np.data import DataError, Examples, Preprocessing, Standardizer
from tinygrad_np.train import Predictor, load_model, save_model

TASKS = {"binary": (1, 2), "multiclass": (3, 3), "multilabel": (3, 3), "regression": (2, 0)}


def predictor_of(task: str = "multiclass", dtype: Any = np.float32, activation: str = "relu") -> Predictor:
    n_outputs, n_classes = TASKS[task]
    rng = np.random.default_rng(0)
    standardizer = Standardizer(rng.normal(size=4).astype(dtype), rng.random(4).astype(dtype) + 1)
    return Predictor(
        nn.MLP([4, 5, 3, n_outputs], activation, dropout=0.25, dtype=dtype, rng=rng),
        task,
        ("cat", "dög", "a,b")[:n_classes],
        Preprocessing((2, 2), True, ("a", "b", "c", "d"), "kind", 255.0, standardizer),
        0.75,
        "pets",
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model.npz"
    save_model(path, predictor_of())
    return path.read_bytes()


# --- there and back -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "softplus"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", TASKS)
def test_a_model_comes_back_bit_for_bit(tmp_path: Path, task: str, dtype: Any, activation: str) -> None:
    saved = predictor_of(task, dtype, activation)
    save_model(tmp_path / "model.npz", saved)
    loaded = load_model(tmp_path)  # the folder of a run
    assert repr(loaded.model) == repr(saved.model)
    assert not loaded.model.training
    for name, array in saved.model.state_dict().items():
        assert loaded.model.state_dict()[name].tobytes() == array.tobytes()
        assert loaded.model.state_dict()[name].dtype == dtype
    for field in ("task", "class_names", "threshold", "name"):
        assert getattr(loaded, field) == getattr(saved, field)
    for field in ("image_shape", "resized", "columns", "label", "scale"):
        assert getattr(loaded.preprocessing, field) == getattr(saved.preprocessing, field)
    x = np.random.default_rng(1).random((6, 4), np.float32)
    np.testing.assert_array_equal(loaded.predict(x), saved.predict(x))
    if task != "regression":
        np.testing.assert_array_equal(loaded.predict_proba(x), saved.predict_proba(x))


def test_prediction_is_what_the_formula_says() -> None:
    predictor = predictor_of(dtype=np.float64)
    x = np.random.default_rng(1).random((6, 4))
    standardizer, hidden = predictor.preprocessing.standardizer, (x - 0.0)
    assert standardizer is not None
    hidden = (x - standardizer.mean) / standardizer.scale
    state = predictor.model.state_dict()
    for i in range(3):
        hidden = hidden @ state[f"layers.{i}.weight"] + state[f"layers.{i}.bias"]
        hidden = np.maximum(hidden, 0) if i < 2 else hidden
    probabilities = np.exp(hidden) / np.exp(hidden).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predictor.predict_proba(x), probabilities, rtol=1e-12)
    np.testing.assert_array_equal(predictor.predict(x), hidden.argmax(axis=1))
    with pytest.raises(ValueError, match=r"takes examples of 4 numbers in rows, not the shape \(6, 3\)"):
        predictor.predict(x[:, :3])


def test_the_threshold_is_that_of_a_yes() -> None:
    predictor = predictor_of("binary")
    x = np.random.default_rng(1).normal(size=(100, 4)).astype(np.float32) * 5
    p = predictor.predict_proba(x)[:, 1]
    assert ((p > 0.5) & (p < 0.75)).any()
    np.testing.assert_array_equal(predictor.predict(x), p > 0.75)
    with pytest.raises(ValueError, match="no probabilities"):
        predictor_of("regression").predict_proba(x)


def test_the_same_model_is_the_same_bytes(tmp_path: Path, whole: bytes) -> None:
    save_model(tmp_path / "a.npz", predictor_of())
    assert (tmp_path / "a.npz").read_bytes() == whole


def test_a_function_that_no_file_can_name_is_refused(tmp_path: Path) -> None:
    for activation in (lambda x: x, np.tanh):
        model = nn.MLP([4, 3, 2], activation)
        with pytest.raises(ValueError, match="activation"):
            save_model(tmp_path / "model.npz", Predictor(model, "multiclass", ("a", "b")))
    assert list(tmp_path.iterdir()) == []


# --- new data in the form of the old ------------------------------------------------------------------------------
def test_columns_are_found_by_their_names_and_numbers_by_their_scale() -> None:
    preprocessing = predictor_of().preprocessing
    x = np.array([[4.0, 1.0, 3.0, 2.0, 9.0]])
    found = preprocessing.conform(Examples(x, None, columns=("d", "a", "c", "b", "e"), scale=1.0))
    np.testing.assert_allclose(found, np.array([[1.0, 2, 3, 4]]) / 255)
    with pytest.raises(DataError, match="there is no column 'a', which the model was trained with"):
        preprocessing.conform(Examples(x, None, columns=("d", "A", "c", "b", "e")))
    with pytest.raises(DataError, match=r"the picture is 3x2 \(height x width\), and the model takes 2x2"):
        preprocessing.conform(Examples(np.zeros((1, 6)), None, image_shape=(3, 2)))


def test_pictures_of_another_size_are_refused_or_resized(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    image.fromarray(pixels).save(tmp_path / "a.png")
    exact = replace(predictor_of().preprocessing, resized=False)
    with pytest.raises(DataError, match=r"a\.png: the picture is 6x4 \(height x width\), and the model takes 2x2; res"):
        exact.picture(tmp_path / "a.png")
    assert exact.picture(tmp_path / "a.png", resize=True).shape == (1, 4)
    fitting = replace(exact, image_shape=(6, 4, 3))
    x = fitting.picture(tmp_path / "a.png", dtype=np.float64)
    np.testing.assert_allclose(x, pixels.reshape(1, -1) / 255)
    np.testing.assert_allclose(fitting.picture(tmp_path / "a.png", invert=True, dtype=np.float64), 1 - x)
    with pytest.raises(DataError, match="the model was not trained on pictures"):
        replace(exact, image_shape=None).picture(tmp_path / "a.png")


# --- files that nobody saved --------------------------------------------------------------------------------------
def arrays_of(content: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)


def forged(header: Callable[[dict[str, Any]], Any] = lambda h: None, **arrays: Any) -> Callable[[bytes], bytes]:
    """The file with another header, and with other arrays; None takes one out."""

    def forge(content: bytes) -> bytes:
        inside = arrays_of(content)
        fields = json.loads(inside["header"].tobytes())
        fields = header(fields) or fields
        inside["header"] = np.frombuffer(json.dumps(fields).encode(), np.uint8)
        inside |= {name.replace("_", "."): array for name, array in arrays.items()}
        stream = io.BytesIO()
        np.savez(stream, **{name: array for name, array in inside.items() if array is not None})
        return stream.getvalue()

    return forge


def compressed(content: bytes) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays_of(content), bomb=np.zeros(10**6))
    return stream.getvalue()


def with_member(name: str, content: bytes) -> Callable[[bytes], bytes]:
    def add(whole: bytes) -> bytes:
        stream = io.BytesIO(whole)
        with zipfile.ZipFile(stream, "a") as archive:
            archive.writestr(name, content)
        return stream.getvalue()

    return add


def huge_header() -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (2**50,)})
    return stream.getvalue()


class Evil:
    """What would run code if it were unpickled."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("a pickle was loaded",)


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "is no file of arrays, or is damaged"),
    "another file": (lambda _: b"label,pixel0\n1,2\n", "is no file of arrays, or is damaged"),
    "truncated": (lambda whole: whole[:-100], "is no file of arrays, or is damaged"),
    "a bit flipped": (lambda whole: whole[:700] + bytes([whole[700] ^ 1]) + whole[701:], "is damaged"),
    "zip bomb": (compressed, "its arrays are larger than the file"),
    "an array that is larger than the file": (with_member("x.npy", huge_header()), "but has 0 bytes"),
    "objects": (forged(layers_0_weight=np.array([Evil()], dtype=object)), "holds Python objects"),
    "no header": (lambda whole: forged()(whole).replace(b"header.npy", b"heeder.npy"), "no model: there is no header"),
    "another version": (forged(lambda h: h | {"version": 2}), "of the format version 2, .* reads version 1"),
    "another format": (forged(lambda h: h | {"format": "x"}), "damaged or forged: it is no header of a model"),
    "a list as the header": (forged(lambda h: [h]), "it is no header of a model"),
    "a field that is missing": (forged(lambda h: {k: v for k, v in h.items() if k != "task"}), "'task' is missing"),
    "an array that is missing": (forged(layers_1_bias=None), r"'layers\.1\.bias' is missing"),
    "an array too many": (forged(other=np.zeros(1)), "'other' that no part of the model is called"),
    "layers beyond memory": (forged(lambda h: h | {"layers": [4, 10**12, 10**12, 3]}), "has shape"),
    "layers that are not whole": (forged(lambda h: h | {"layers": [4, 5.0, 3, 3]}), "layers is not what"),
    "layers that are none": (forged(lambda h: h | {"layers": True}), "layers is not what"),
    "more activations than layers": (forged(lambda h: h | {"activations": ["relu"]}), "activations is not"),
    "an unknown activation": (forged(lambda h: h | {"activations": ["relu", "eval"]}), "no activation 'eval'"),
    "an unknown task": (forged(lambda h: h | {"task": "other"}), "task is not what"),
    "fewer names than classes": (forged(lambda h: h | {"class_names": ["a"]}), "class_names is not what"),
    "a name that moves the cursor": (
        forged(lambda h: h | {"class_names": ["a", "b", "\x1b[2J"]}),
        "class_names is not",
    ),
    "a picture of another size": (forged(lambda h: h | {"image_shape": [3, 3]}), "image_shape is not"),
    "a scale of zero": (forged(lambda h: h | {"scale": 0}), "scale is not"),
    "a threshold that is no probability": (forged(lambda h: h | {"threshold": 1.5}), "threshold is not"),
    "a threshold that is text": (forged(lambda h: h | {"threshold": "x"}), "threshold is not"),
    "weights of another type": (forged(layers_0_bias=np.zeros(5, np.int64)), "layers.0.bias of int64"),
    "weights that are NaN": (forged(layers_0_bias=np.full(5, np.nan, np.float32)), "holds NaN"),
    "a standardizer that divides by 0": (forged(standardizer_scale=np.zeros(4, np.float32)), "standardizer is not"),
    "half a standardizer": (forged(standardizer_scale=None), "is missing"),
    "a header without end": (
        lambda whole: forged()(whole).replace(b'{"format"', b"[[[[[[[[["),
        "header .* is damaged|dam",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_forged_file_is_one_clear_sentence(tmp_path: Path, whole: bytes, damage: str) -> None:
    path = tmp_path / "model.npz"
    change, says = DAMAGE[damage]
    path.write_bytes(change(whole))
    tracemalloc.start()
    with pytest.raises(DataError, match=says) as caught:
        load_model(path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_header_of_a_thousand_brackets_is_no_crash(tmp_path: Path, whole: bytes) -> None:
    arrays = arrays_of(whole) | {"header": np.frombuffer(b"[" * 10**6, np.uint8)}
    np.savez(tmp_path / "model.npz", **arrays)
    with pytest.raises(DataError, match="damaged or forged"):
        load_model(tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path)


@given(data=st.data())
def test_bytes_that_nobody_wrote_are_a_data_error_or_a_model(
    data: st.DataObject, whole: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "model.npz"
    path.write_bytes(content[: data.draw(st.integers(0, len(whole))) or None])
    with suppress(DataError):
        assert load_model(path).predict(np.zeros((1, 4))).shape == (1,)


FIELDS = ("layers", "activations", "dropout", "class_names", "threshold", "name", "image_shape", "resized", "columns",
          "label", "scale", "task", "version")  # fmt: skip
leaves = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
)


@settings(max_examples=40)
@given(field=st.sampled_from(FIELDS), value=json_values)
def test_a_forged_field_is_a_data_error_or_harmless(
    field: str, value: Any, whole: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("forged") / "model.npz"
    path.write_bytes(forged(lambda h: h | {field: value})(whole))
    with suppress(DataError):
        loaded = load_model(path)
        loaded.predict(np.zeros((1, 4)))
        save_model(path, loaded)  # and it can be saved again
