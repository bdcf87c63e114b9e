"""IDX files, the format of MNIST: a header that tells type and shape, then the numbers, big-endian."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.data.errors import DataError

__all__ = ["LIMIT", "read_idx"]

#: The largest array that is read from a compressed file, in bytes: what it would become cannot be told from its size.
LIMIT = 2**32

#: Bytes that are read at once.
_PIECE = 2**22

#: Third byte of the file -> type of the numbers.
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an array from an IDX file, which may be compressed by gzip.

    Returns
    -------
    array
        Of the shape and type that the file tells, in the machine's byte order.

    Raises
    ------
    OSError
        If the file cannot be read.
    DataError
        If it is no IDX file, is truncated or longer than it says, or would need more than 4 GiB.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)

    References
    ----------
    Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
    """
    path = Path(path)
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            return _read(gzip.GzipFile(fileobj=file) if compressed else file, path)  # type: ignore[arg-type]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(path, f"the compressed file is truncated or damaged ({error})") from None


def _read(file: BinaryIO, path: Path) -> NDArray[Any]:
    header = file.read(4)
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] not in _TYPES or not header[3]:
        raise DataError(path, "this is no IDX file: it does not begin as one")
    dtype, ndim = np.dtype(_TYPES[header[2]]), header[3]
    lengths = file.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise DataError(path, "the file ends within its header")
    shape = struct.unpack(f">{ndim}I", lengths)
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > LIMIT:
        raise DataError(path, f"an array of shape {shape} is more than {LIMIT // 2**30} GiB")
    content = bytearray()
    while piece := file.read(min(_PIECE, n_bytes + 1 - len(content))):  # never more than there is, whatever it says
        content += piece
    if len(content) != n_bytes:
        there = "more" if len(content) > n_bytes else f"{len(content):,}"
        raise DataError(path, f"its header tells of {n_bytes:,} bytes of shape {shape}, but there are {there}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
