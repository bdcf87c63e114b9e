"""Files that are damaged: every loader says so by a DataError, in little memory and little time, or loads something."""

from __future__ import annotations

import gzip
import importlib.util
import io
import struct
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np.data import DataError, load

TABLE = b"label,a,b\n" + b"".join(b"%d,%d,%d.5\n" % (i % 2, i, -i) for i in range(20))
X, Y = np.arange(48, dtype=np.float64).reshape(12, 4), np.arange(12) % 3
IDX = b"\0\0\x08\x03" + struct.pack(">III", 3, 4, 5) + bytes(range(60))


def saved(save: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, **options)
    return stream.getvalue()


def picture(form: str) -> bytes:
    import PIL.Image

    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    return saved(PIL.Image.fromarray(pixels).save, format=form)


def hdf5() -> bytes:
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["x"], file["y"], file["class_names"] = X, Y, np.array([b"a", b"b", b"c"])
    return stream.getvalue()


def whole_files() -> dict[str, bytes]:
    files = {
        "t.csv": TABLE,
        "t.csv.gz": gzip.compress(TABLE),
        "whole.csv": TABLE.replace(b".5", b""),
        "quoted.tsv": TABLE.replace(b",", b"\t").replace(b"\n1\t", b'\n"1"\t'),
        "a.npz": saved(np.savez, x=X, y=Y, class_names=np.array(["a", "b", "c"])),
        "packed.npz": saved(np.savez_compressed, x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2]),
        "a.npy": saved(lambda stream: np.save(stream, X)),
        "a-idx3-ubyte": IDX,
        "a-idx3-ubyte.gz": gzip.compress(IDX),
    }
    if importlib.util.find_spec("PIL") is not None:
        files |= {"a.png": picture("PNG"), "a.jpg": picture("JPEG")}
    if importlib.util.find_spec("h5py") is not None:
        files |= {"a.h5": hdf5()}
    return files


FILES = whole_files()


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes replaced, taken out, doubled or put in, and perhaps the end missing."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(changed) - 1, 0)))
        some = draw(
            st.binary(max_size=4) | st.sampled_from([b"\xff" * 8, b"\0" * 8, b"nan", b"9" * 30, b",", b"\n", b'"'])
        )
        match draw(st.sampled_from(["replace", "take out", "put in", "double", "end"])):
            case "replace":
                changed[at : at + len(some)] = some
            case "take out":
                del changed[at : at + draw(st.integers(1, 20))]
            case "put in":
                changed[at:at] = some
            case "double":
                changed[at:at] = changed[at : at + 50]
            case "end":
                del changed[at:]
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
def test_the_whole_file_loads(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    assert len(load(tmp_path / name).x)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_file_is_a_data_error_or_harmless(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / name
    path.write_bytes(data.draw(damaged(FILES[name])))
    began = time.process_time()
    tracemalloc.start()
    try:
        with suppress(DataError):
            found = load(path)
            assert np.isfinite(found.x).all()
            found.dataset()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**26
    assert time.process_time() - began < 5
