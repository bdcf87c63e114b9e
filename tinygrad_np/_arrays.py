"""Arrays in files, without pickle: written whole or not at all, and read with suspicion."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np._files import atomic_write

__all__ = ["load_arrays", "save_arrays"]


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Save arrays by name as an uncompressed ``.npz``: atomically, and without pickle.

    ``numpy.load`` reads the file. The same arrays give the same bytes.

    Raises
    ------
    ValueError
        If an array holds Python objects.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_arrays(f"{folder}/a.npz", {"w": np.eye(2), "b": np.zeros(2)})
    ...     print(load_arrays(f"{folder}/a.npz")["w"])
    [[1. 0.]
     [0. 1.]]
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"array {name!r} holds Python objects ({array.dtype}), which only pickle could save")
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load_arrays(path: str | os.PathLike[str], limit: int | None = None) -> dict[str, NDArray[Any]]:
    """Load what :func:`save_arrays` wrote, trusting nothing in the file.

    Before an array is allocated, its size is checked against the bytes that are there: a forged file can
    neither ask for more memory than its own size nor run code.

    Parameters
    ----------
    path : path_like
    limit : int, optional
        Take compressed arrays, too, as ``numpy.savez_compressed`` writes them, of up to so many bytes in all.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is truncated, damaged, compressed, or holds Python objects.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                size = sum(member.file_size for member in members)
                if limit is None and size > os.fstat(file.fileno()).st_size:
                    raise ValueError("its arrays are larger than the file")  # compressed or forged
                if limit is not None and size > limit:
                    raise ValueError(f"its arrays would take {size:,} bytes, and the limit is {limit:,}")
                allowed = {zipfile.ZIP_STORED} if limit is None else {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
                names = [member.filename for member in members]
                if len(set(names)) < len(names):
                    raise ValueError("it holds two arrays of the same name")
                if any(".." in name.replace("\\", "/").split("/") or name.startswith("/") for name in names):
                    raise ValueError("it has a name that leads out of the file")  # harmless, but nobody honest wrote it
                return {member.filename.removesuffix(".npy"): _read(archive, member, allowed) for member in members}
        except Exception as error:  # whatever the parsers of zip and npy say to bytes that nobody wrote
            problem = str(error) or type(error).__name__
            raise ValueError(f"{os.fspath(path)} is no file of arrays, or is damaged: {problem}") from None


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, allowed: set[int]) -> NDArray[Any]:
    if member.compress_type not in allowed:
        raise ValueError(f"{member.filename} is compressed")
    if member.comment:  # a wrong length here makes the next entries a comment of this one
        raise ValueError(f"{member.filename} has a comment")
    data = archive.read(member)  # verifies the checksum
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"{member.filename} is of the unknown version {version}")
    shape, _, dtype = readers[version](stream)
    n_bytes = len(data) - stream.tell()
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds Python objects")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"{member.filename} says it is {dtype} of shape {shape}, but has {n_bytes} bytes")
    stream.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array
