"""Fuzz the loaders of files, guided by coverage: ``python tests/fuzz_loaders.py -max_total_time=300 [CORPUS]``.

Needs atheris. Whatever the bytes are, a loader returns examples or raises its error: it does not crash, hang, or ask
for more memory than ``-rss_limit_mb`` says. Options are libFuzzer's.
"""

from __future__ import annotations

import gzip
import struct
import sys
import tempfile
import warnings
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["tinygrad_np.data", "tinygrad_np._arrays"]):
    from tinygrad_np import data
    from tinygrad_np._arrays import load_arrays
    from tinygrad_np.data.images import read_image

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz"))

#: Suffix of the file -> who reads it, and what he may raise.
LOADERS = [
    (".npz", data.load, data.DataError),
    (".npz", load_arrays, ValueError),
    (".npy", data.load, data.DataError),
    (".csv", data.load, data.DataError),
    ("-images-idx3-ubyte", data.load, data.DataError),
    ("-images-idx3-ubyte.gz", data.load, data.DataError),
    (".png", read_image, data.DataError),
    (".h5", data.load, data.DataError),
]


def seeds() -> list[bytes]:
    """A valid file for each loader."""
    npz, npy = BytesIO(), BytesIO()
    np.savez(npz, x=np.ones((4, 3)), y=np.array([0, 1, 0, 1]))
    np.save(npy, np.eye(3))
    idx = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 2, 2) + bytes(8)
    table = b"label,a,b\n0,1,2\n1,3,4.5\n0,5,-6e3\n1,7,8\n"
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
        "0000000049454e44ae426082"
    )
    files = [npz.getvalue(), npz.getvalue(), npy.getvalue(), table, idx, gzip.compress(idx), png, b"\x89HDF\r\n\x1a\n"]
    return [bytes([i]) + file for i, file in enumerate(files)]


def one(numbers: bytes) -> None:
    if len(numbers) < 2:
        return
    suffix, load, errors = LOADERS[numbers[0] % len(LOADERS)]
    path = FOLDER / f"train{suffix}"
    path.write_bytes(numbers[1:])
    with warnings.catch_warnings(), suppress(errors):
        warnings.simplefilter("ignore")
        load(path)


if __name__ == "__main__":
    corpus = Path(tempfile.mkdtemp(prefix="corpus"))
    for i, file in enumerate(seeds()):
        (corpus / str(i)).write_bytes(file)
    atheris.Setup([*sys.argv, str(corpus)], one)
    atheris.Fuzz()
