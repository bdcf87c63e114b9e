"""Pictures and labels in pairs of IDX files, and the four files of MNIST in a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from numpy.typing import DTypeLike

from tinygrad_np.data.errors import DataError
from tinygrad_np.data.examples import Examples, checked_examples
from tinygrad_np.data.idx import read_idx

__all__ = ["is_idx", "load_idx", "load_idx_folder"]


def is_idx(path: Path) -> bool:
    """Whether a file is called as IDX files are."""
    return path.is_file() and ("-idx" in path.name or ".idx" in path.name)


def load_idx(images: Path, dtype: DTypeLike, test: Examples | None = None) -> Examples:
    """The images, and the labels in the file beside, which is called alike."""
    x = read_idx(images)
    beside = images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1"))
    candidates = [beside, beside.with_name(beside.name + ".gz"), beside.with_name(beside.name.removesuffix(".gz"))]
    labels = next((path for path in candidates if path != images and path.is_file()), None)
    y = None if labels is None else read_idx(labels)
    return checked_examples(x, y, images, dtype, kind="IDX files", test=test)


def load_idx_folder(folder: Path, dtype: DTypeLike) -> Examples:
    """The four files of MNIST, or those two of them that are for training."""
    files = sorted(path for path in folder.iterdir() if is_idx(path) and "images" in path.name)
    training = next((path for path in files if path.name.startswith("train")), None)
    if training is None:
        raise DataError(folder, "there are IDX files, but none is called train-images-idx3-ubyte (or .gz)")
    test = next((path for path in files if path.name.startswith(("t10k", "test"))), None)
    found = load_idx(training, dtype, None if test is None else load_idx(test, dtype))
    return replace(found, name=folder.resolve().name)
