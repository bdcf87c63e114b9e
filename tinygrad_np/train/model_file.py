"""A trained network in one file: weights, architecture, preprocessing and class names, without pickle.

The file is an ``.npz`` that NumPy reads: the arrays of the network by their names, those of the standardizer, and
``header``, which is JSON in bytes. ``load_model`` trusts nothing in it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np import nn
from tinygrad_np._arrays import load_arrays, save_arrays
from tinygrad_np.data import DataError, Preprocessing, Standardizer
from tinygrad_np.nn.layers import name_of
from tinygrad_np.train.predictor import Predictor
from tinygrad_np.train.tasks import TASKS

__all__ = ["load_model", "save_model"]

FORMAT, VERSION = "tinygrad_np model", 1


def save_model(path: str | os.PathLike[str], predictor: Predictor) -> None:
    """Save a network with all that it takes to predict: atomically, and the same network as the same bytes.

    Parameters
    ----------
    path : path_like
        Conventionally ``model.npz``.
    predictor : Predictor

    Raises
    ------
    OSError
        If the file cannot be written; one that was there is then still whole.
    ValueError
        If an activation is a function that a file cannot name.

    Examples
    --------
    >>> import tempfile
    >>> predictor = Predictor(nn.MLP([4, 3, 2], rng=0), "multiclass", ("cat", "dog"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(f"{folder}/model.npz", predictor)
    ...     again = load_model(f"{folder}/model.npz")
    >>> again.model, again.class_names
    (MLP([4, 3, 2], activation=relu), ('cat', 'dog'))
    """
    model, preprocessing = predictor.model, predictor.preprocessing
    sizes = [model.layers[0].weight.shape[0], *(layer.weight.shape[1] for layer in model.layers)]
    activations = [name_of(activation) for activation in model.activations]
    dropout = 0.0 if model.dropout is None else model.dropout.p
    same = nn.MLP(sizes, activations, initializer="zeros")  # a ValueError if an activation is unknown
    if same.activations != model.activations:
        raise ValueError(f"activations {activations} are not those of nn.MLP that are called so")
    header = {
        "format": FORMAT,
        "version": VERSION,
        "task": predictor.task,
        "layers": sizes,
        "activations": activations,
        "dropout": dropout,
        "class_names": predictor.class_names,
        "threshold": predictor.threshold,
        "name": predictor.name,
        "image_shape": preprocessing.image_shape,
        "resized": preprocessing.resized,
        "columns": preprocessing.columns,
        "label": preprocessing.label,
        "scale": preprocessing.scale,
    }
    arrays = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8), **model.state_dict()}
    if preprocessing.standardizer is not None:
        arrays |= {"standardizer.mean": preprocessing.standardizer.mean}
        arrays |= {"standardizer.scale": preprocessing.standardizer.scale}
    save_arrays(path, arrays)


def load_model(path: str | os.PathLike[str]) -> Predictor:
    """Load what :func:`save_model` wrote, or the ``model.npz`` of a run folder, in evaluation mode.

    Raises
    ------
    OSError
        If the file cannot be read.
    DataError
        If it is no such file, is of another version, is damaged or forged. It cannot run code, nor make
        anything larger than itself be allocated.
    """
    path = Path(path)
    path = path / "model.npz" if path.is_dir() else path
    try:
        arrays = load_arrays(path)
    except ValueError as error:
        raise DataError(path, f"this {str(error).removeprefix(os.fspath(path)).strip()}") from None
    if "header" not in arrays:
        raise DataError(path, "these are arrays, but no model: there is no header, which save_model writes")
    try:
        header = json.loads(arrays.pop("header").tobytes())
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ValueError("it is no header of a model")
        if header.get("version") != VERSION:
            raise DataError(
                path,
                f"the model is of the format version {header.get('version')!r}, and this tinygrad_np reads version "
                f"{VERSION}: save it again by this one, or take the one that wrote it",
            )
        return _predictor(header, arrays)
    except DataError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DataError(path, f"the header of the model is damaged or forged: {problem}") from None


def _predictor(header: Mapping[str, Any], arrays: dict[str, NDArray[Any]]) -> Predictor:
    sizes, activations, task = header["layers"], header["activations"], header["task"]
    _check("layers", _whole_numbers(sizes) and len(sizes) >= 2)
    _check("activations", isinstance(activations, list) and len(activations) == len(sizes) - 2)
    _check("task", isinstance(task, str) and task in TASKS)
    n_outputs, n_names = sizes[-1], len(_names(header, "class_names"))
    _check("class_names", n_names == {"regression": 0, "binary": 2 * n_outputs}.get(task, n_outputs))
    _check("name", isinstance(header["name"], str) and header["name"].isprintable())
    _check("dropout", _is_number(header["dropout"]) and 0 <= header["dropout"] < 1)
    _check("threshold", _is_number(header["threshold"]) and 0 <= header["threshold"] < 1)
    preprocessing = _preprocessing(header, arrays, sizes[0])
    # Before a network of these sizes is made: they have to be those of the arrays, which are here.
    shapes: dict[str, tuple[int, ...]] = {f"layers.{i}.weight": pair for i, pair in enumerate(pairwise(sizes))}
    shapes |= {f"layers.{i}.bias": (size,) for i, size in enumerate(sizes[1:])}
    dtype = arrays["layers.0.weight"].dtype
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype != dtype or dtype.kind != "f":
            raise ValueError(f"{name} of {arrays[name].dtype} has shape {arrays[name].shape}, not {shape}")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds NaN or infinite numbers")
    model = nn.MLP(sizes, activations, dropout=header["dropout"], dtype=dtype, initializer="zeros", rng=0)
    model.load_state_dict({name: arrays.pop(name) for name in shapes})
    if arrays:
        raise ValueError(f"there is an array {next(iter(arrays))!r} that no part of the model is called")
    model.eval()
    class_names = _names(header, "class_names")
    return Predictor(model, task, class_names, preprocessing, float(header["threshold"]), header["name"])


def _preprocessing(header: Mapping[str, Any], arrays: dict[str, NDArray[Any]], n_inputs: int) -> Preprocessing:
    shape, label, scale = header["image_shape"], header["label"], header["scale"]
    columns = _names(header, "columns")
    _check("image_shape", shape is None or (_whole_numbers(shape) and 2 <= len(shape) <= 3))
    _check("image_shape", shape is None or math.prod(shape) == n_inputs)
    _check("columns", len(columns) in (0, n_inputs))
    _check("label", label is None or (isinstance(label, str) and label.isprintable()))
    _check("scale", _is_number(scale) and scale > 0)
    _check("resized", isinstance(header["resized"], bool))
    standardizer = None
    if "standardizer.mean" in arrays:
        mean, deviation = arrays.pop("standardizer.mean"), arrays.pop("standardizer.scale")
        _check("standardizer", mean.shape == deviation.shape == (n_inputs,))
        _check("standardizer", mean.dtype.kind == deviation.dtype.kind == "f")
        _check("standardizer", bool(np.isfinite(mean).all() and np.isfinite(deviation).all() and (deviation > 0).all()))
        standardizer = Standardizer(mean, deviation)
    image_shape = None if shape is None else tuple(shape)
    return Preprocessing(image_shape, header["resized"], columns, label, float(scale), standardizer)


def _names(header: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """A list of names, none of which would play tricks on a terminal."""
    names = header[field]
    _check(field, isinstance(names, list) and all(isinstance(name, str) and name.isprintable() for name in names))
    return tuple(names)


def _whole_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and size > 0 for size in value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _check(field: str, good: bool) -> None:
    if not good:
        raise ValueError(f"{field} is not what it should be")
