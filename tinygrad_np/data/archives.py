"""Files of named arrays: NumPy's ``.npz`` and ``.npy``, and HDF5 as in the cat / non-cat data."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np._arrays import load_arrays
from tinygrad_np._extras import require
from tinygrad_np.data.errors import DataError
from tinygrad_np.data.idx import LIMIT

__all__ = ["read_hdf5", "read_npy", "read_npz"]


def read_npz(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read all arrays of an ``.npz`` file, compressed or not.

    Raises
    ------
    OSError
        If the file cannot be read.
    DataError
        If it is damaged, holds Python objects, or needs more than 4 GiB.
    """
    try:
        return load_arrays(path, LIMIT)
    except ValueError as error:
        raise DataError(path, str(error).removeprefix(os.fspath(path)).strip()) from None


def read_npy(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the array of an ``.npy`` file.

    Raises
    ------
    OSError
        If the file cannot be read.
    DataError
        If it is damaged, or holds Python objects.
    """
    try:
        # Mapped first: the file has to be as long as its header says before anything is allocated.
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except OSError:
        raise
    except Exception as error:  # whatever NumPy's parser says to bytes that nobody wrote
        raise DataError(path, f"this is no array of numbers in a .npy file: {error}") from None


def read_hdf5(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read the arrays of numbers, and of text, at the top of an HDF5 file.

    Raises
    ------
    ImportError
        If h5py is missing (``pip install 'tinygrad_np[hdf5]'``).
    OSError
        If the file cannot be read.
    DataError
        If it is no HDF5 file, is damaged, or its arrays need more than 4 GiB.
    """
    h5py = require("h5py", "hdf5")
    open(path, "rb").close()  # a missing file is an OSError with its name; h5py says it at length
    arrays = {}
    try:
        with h5py.File(Path(path), "r") as file:
            found = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
            size = sum(math.prod(item.shape or ()) * item.dtype.itemsize for item in found.values())
            if size > LIMIT:
                raise DataError(path, f"its arrays would take {size:,} bytes, and the limit is {LIMIT:,}")
            for name, item in found.items():
                arrays[name] = np.asarray(item[()])
    except DataError:
        raise
    except Exception as error:  # whatever h5py says
        raise DataError(path, f"this is no HDF5 file, or is damaged: {error}") from None
    return arrays
