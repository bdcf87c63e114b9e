"""Loading data: what is in the file arrives, and what is wrong with it is said in one sentence that names the place."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import struct
import sys
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinygrad_np.data import DataError, load
from tinygrad_np.data.archives import read_npy, read_npz
from tinygrad_np.data.csv import read_csv
from tinygrad_np.data.idx import read_idx

PIXELS = "label,pixel0,pixel1,pixel2,pixel3\n7,0,255,51,0\n3,102,0,0,255\n"


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- tables -------------------------------------------------------------------------------------------------------
def test_kaggles_digits(tmp_path: Path) -> None:
    found = load(written(tmp_path, "train.csv", PIXELS))
    np.testing.assert_array_equal(found.x, np.array([[0, 255, 51, 0], [102, 0, 0, 255]], "f") / 255)
    assert (found.x.dtype, found.image_shape, found.labels.tolist()) == (np.float32, (2, 2), [7, 3])
    assert found.dataset().class_names == ("3", "7")
    assert found.dataset().y.tolist() == [1, 0]
    unlabelled = load(written(tmp_path, "test.csv", "pixel0\n255\n"))
    assert unlabelled.labels is None
    with pytest.raises(DataError, match=r"^test\.csv: there are no labels"):
        unlabelled.dataset()


TABLE = "a;b;kind\n1.5;-2e3;cat\n0.25;7;dog\n"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (TABLE, {"label": "kind"}),
        (TABLE, {"label": 2, "delimiter": ";"}),
        (TABLE.replace(";", ","), {"label": -1}),
        (TABLE.replace(";", "\t").replace("kind", "Label"), {}),
        ("\ufeff" + TABLE.replace("\n", "\r\n") + "\r\n\r\n", {"label": "kind"}),
        (TABLE.replace("cat", '"cat"').replace("1.5", '"1.5"'), {"label": "kind"}),
        (TABLE.partition("\n")[2], {"label": 2}),
    ],
)
def test_spellings_of_a_table(tmp_path: Path, text: str, options: dict[str, Any]) -> None:
    for name, content in (("t.csv", text.encode()), ("t.csv.gz", gzip.compress(text.encode()))):
        table = read_csv(written(tmp_path, name, content), dtype=np.float64, **options)
        assert table.features.tolist() == [[1.5, -2e3], [0.25, 7]]
        assert table.labels.tolist() == ["cat", "dog"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ": the file is empty"),
        ("a,b\n", ": there is a header, but no row"),
        ("label\n1\n", ": the only column is that of the labels"),
        ("a,b\n1,2\n3\n", ", row 3: there are 1 fields, but the first row has 2"),
        ("a,b\n1,2\n3,4,5\n", ", row 3: there are 3 fields, but the first row has 2"),
        ("a,b\n1,2\n3,x1\n", ", row 3, column b: 'x1' is no number"),
        ("a,b\n1,rose\n", ", row 2, column b: 'rose' is no number; if it is the label, say so by label='b'"),
        ("a,label\n1,2\n,4\n", ", row 3, column a: a number is missing"),
        ("1,2\n3,inf\n", ", row 2, column 1: inf is not finite"),
        ("a,label\n1,2\n3,\n", ", row 3, column label: a label is missing"),
        ("a,label\n1,2\n3,nan\n", ", row 3, column label: the label nan is not finite"),
        ("a,label\n1,\xe9\n".encode("latin-1"), ": this is no text in UTF-8"),
        (b"a,b\n1,2\0\n", ", row 2, column b: '2\\x00' is no number"),
    ],
)
def test_mistakes_in_a_table(tmp_path: Path, text: str | bytes, problem: str) -> None:
    path = written(tmp_path, "t.csv", text)
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}{problem}"), str(caught.value)


def test_labels_in_several_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", "rain,a,wind,b\n1,5,0,6\n0,7,1,8\n")
    found = load(path, label="wind,rain")
    assert (found.x.tolist(), found.labels.tolist()) == ([[5, 6], [7, 8]], [[0, 1], [1, 0]])
    data = found.dataset()
    assert (data.class_names, data.y.tolist()) == (("wind", "rain"), [[0, 1], [1, 0]])
    assert load(path, label="a,b").dataset("regression").y.tolist() == [[5, 6], [7, 8]]
    with pytest.raises(DataError, match="no column 'snow'; there are rain, a, wind, b"):
        load(path, label="rain,snow")
    with pytest.raises(DataError, match="labels in several columns are numbers"):
        load(written(tmp_path, "u.csv", "rain,a,wind\nyes,5,0\n"), label="rain,wind")


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", PIXELS)
    with pytest.raises(DataError, match="no column 'digit'; there are label, pixel0"):
        load(path, label="digit")
    with pytest.raises(DataError, match="the columns are 0 to 4"):
        load(path, label=5)


cells = st.sampled_from(
    [
        "0",
        "12",
        "-3",
        "+5",
        " 7",
        "1.5",
        "1e3",
        '"4"',
        "- 5",
        "",
        "0x1f",
        "9223372036854775808",
        "-9223372036854775809",
        "9007199254740993",
        "\u0661",
        "1_0",
        "nan",
        "inf",
        "1e400",
        "5-3",
        "cat",
        "1;2",
        "1\t2",
    ]
)


@example(rows=[["9223372036854775808", "-1"]], delimiter=",")  # one more than an int64 can be
@example(rows=[["1", "-9223372036854775809"]], delimiter=";")
@given(
    rows=st.lists(st.lists(cells, min_size=2, max_size=3), min_size=1, max_size=4), delimiter=st.sampled_from(",;\t")
)
def test_a_table_is_what_python_makes_of_its_fields(rows: Any, delimiter: str, tmp_path_factory: Any) -> None:
    text = "".join(delimiter.join(row) + "\n" for row in rows)
    path = written(tmp_path_factory.mktemp("csv"), "t.csv", "a" + f"{delimiter}b" * (len(rows[0]) - 1) + "\n" + text)
    fields = list(csv.reader(text.splitlines(), delimiter=delimiter))
    try:
        expected = [[float(field) for field in row] for row in fields]
        good = all(len(row) == len(rows[0]) for row in expected) and np.isfinite(expected).all()
        good = good and text.isascii() and "_" not in text
    except ValueError:
        good = False
    if good:
        assert read_csv(path, delimiter=delimiter, dtype=np.float64).features.tolist() == expected
    else:
        with pytest.raises(DataError):
            read_csv(path, delimiter=delimiter)


# --- IDX ----------------------------------------------------------------------------------------------------------
def idx(array: np.ndarray) -> bytes:
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
    big = array.astype(array.dtype.newbyteorder(">"))
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + big.tobytes()


idx_arrays = st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_side=0, max_side=4))
)


@given(array=idx_arrays, packed=st.booleans())
def test_an_array_comes_back_from_idx(array: np.ndarray, packed: bool, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    found = read_idx(path)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@given(content=st.binary(max_size=40), packed=st.booleans())
@example(content=b"\0\0\x08\x03" + b"\xff" * 12, packed=True)  # asks for 2**96 bytes
@example(content=b"\0\0\x08\xff", packed=False)
def test_idx_bytes_that_nobody_wrote(content: bytes, packed: bool, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("idx") / "a"
    for damaged in (gzip.compress(content), gzip.compress(content)[:-9]) if packed else (content,):
        path.write_bytes(damaged)
        with suppress(DataError):
            assert read_idx(path).nbytes <= len(content)


def test_an_idx_file_that_says_too_much_allocates_no_more_than_it_has(tmp_path: Path) -> None:
    path = written(tmp_path, "a", b"\0\0\x08\x02" + struct.pack(">II", 2**15, 2**15) + b"few")
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"tells of 1,073,741,824 bytes .* but there are 3"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_mnist_like_files_find_each_other(tmp_path: Path) -> None:
    images, labels = np.arange(24, dtype="u1").reshape(2, 3, 4) * 10, np.array([1, 0], "u1")
    written(tmp_path, "train-images-idx3-ubyte", idx(images))
    written(tmp_path, "train-labels-idx1-ubyte.gz", gzip.compress(idx(labels)))
    written(tmp_path, "t10k-images-idx3-ubyte.gz", gzip.compress(idx(images[:1])))
    written(tmp_path, "t10k-labels-idx1-ubyte.gz", gzip.compress(idx(labels[:1])))
    found = load(tmp_path)
    np.testing.assert_array_equal(found.x, images.reshape(2, 12).astype("f") / np.float32(255))
    assert (found.image_shape, found.labels.tolist(), found.test.labels.tolist()) == ((3, 4), [1, 0], [1])
    assert str(found) == "IDX files: 2 examples of 3x4, 2 classes; a test set of 1"
    written(tmp_path, "train-labels-idx1-ubyte.gz", gzip.compress(idx(labels[:1])))
    with pytest.raises(DataError, match=r"there are 2 examples, but labels of shape \(1,\)"):
        load(tmp_path)


# --- names --------------------------------------------------------------------------------------------------------
@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A data set "mnist" of two pictures, by URL; what is not in it cannot be reached."""
    pooch = pytest.importorskip("pooch")
    sources = sys.modules["tinygrad_np.data.named"]  # whose name in the package is that of the function
    files = {
        "train-images-idx3-ubyte.gz": gzip.compress(idx(np.full((2, 3, 4), 51, "u1"))),
        "train-labels-idx1-ubyte.gz": gzip.compress(idx(np.array([1, 0], "u1"))),
    }
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    source = sources._Source(("http://a/", "http://b/"), sha256, ("trouser", "coat"))
    monkeypatch.setitem(sources._DOWNLOADS, "mnist", source)
    monkeypatch.setenv("TINYGRAD_NP_DATA", str(tmp_path / "cache"))
    served = {f"http://b/{name}": content for name, content in files.items()}

    def download(_: Any, url: str, output_file: str, __: Any, check_only: bool = False) -> None:
        if url not in served:
            raise ConnectionError(f"no route to {url}")
        Path(output_file).write_bytes(served[url])

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return served


def test_a_data_set_is_downloaded_once_and_from_the_mirror_that_answers(internet: dict[str, bytes]) -> None:
    for _ in range(2):
        found = load("mnist")
        assert str(found) == "mnist: 2 examples of 3x4, 2 classes"
        assert found.dataset().class_names == ("trouser", "coat")
        internet.clear()


@pytest.mark.parametrize("trouble", ["no internet", "other bytes", "truncated"])
def test_a_download_that_fails_says_what_can_be_given_instead(internet: dict[str, bytes], trouble: str) -> None:
    if trouble == "no internet":
        internet.clear()
    for url, content in internet.items():
        internet[url] = content[:-1] + b"?" if trouble == "other bytes" else content[:30]
    with pytest.raises(DataError, match=r"^mnist: cannot be downloaded .*put train-images-idx3-ubyte\.gz, .*folder"):
        load("mnist")


# --- archives -----------------------------------------------------------------------------------------------------
def test_arrays_of_many_names(tmp_path: Path) -> None:
    x, y = np.arange(24, dtype="u1").reshape(4, 2, 3), np.array([[0, 1, 1, 0]])
    np.savez_compressed(
        tmp_path / "cat.npz",
        train_set_x=x,
        train_set_y=y,
        test_set_x=x[:2],
        test_set_y=y[:, :2],
        list_classes=np.array([b"non-cat", b"cat"]),
    )
    found = load(tmp_path / "cat.npz")
    assert found.dataset().class_names == ("non-cat", "cat")
    assert found.test.dataset().y.tolist() == [0, 1]
    np.savez(tmp_path / "keras.npz", x_train=x / 7, y_train=y[0], x_test=x[:1] / 7, y_test=y[0, :1])
    np.testing.assert_allclose(load(tmp_path / "keras.npz").x, x.reshape(4, 6) / 7, 1e-6)
    np.savez(tmp_path / "test_cat.npz", test_set_x=x[:2], test_set_y=y[:, :2])
    assert load(tmp_path / "test_cat.npz").labels.tolist() == [0, 1]
    np.save(tmp_path / "x.npy", x)
    assert load(tmp_path / "x.npy").labels is None


def test_an_hdf5_file(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    x = np.arange(24, dtype="u1").reshape(2, 2, 2, 3)
    with h5py.File(tmp_path / "train_catvnoncat.h5", "w") as file:
        file["train_set_x"], file["train_set_y"] = x, np.array([0, 1])
        file["list_classes"] = np.array([b"non-cat", b"cat"])
    found = load(tmp_path / "train_catvnoncat.h5")
    np.testing.assert_array_equal(found.x, x.reshape(2, 12).astype("f") / np.float32(255))
    assert (found.image_shape, found.dataset().class_names) == ((2, 2, 3), ("non-cat", "cat"))
    with pytest.raises(DataError, match="no HDF5 file"):
        load(written(tmp_path, "bad.h5", b"\x89HDF\r\n\x1a\n" + b"junk" * 9))


def test_archives_that_nobody_should_open(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        read_npy(tmp_path / "o.npy")
    np.savez(tmp_path / "o.npz", x=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="Python objects"):
        load(tmp_path / "o.npz")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    with pytest.raises(DataError):
        read_npy(written(tmp_path, "huge.npy", header.getvalue() + b"few"))
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + b"few")
    with pytest.raises(DataError, match="but has 3 bytes"):
        read_npz(tmp_path / "huge.npz")
    bomb = zipfile.ZipInfo("x.npy")
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(bomb, "w") as member,
    ):
        member.write(b"\0" * 1000)
    content = bytearray((tmp_path / "bomb.npz").read_bytes())
    at = content.index(b"PK\1\2") + 24
    content[at : at + 4] = struct.pack("<I", 2**32 - 2)  # says that it expands to 4 GiB
    with pytest.raises(DataError):
        read_npz(written(tmp_path, "bomb.npz", bytes(content)))


# --- pictures -----------------------------------------------------------------------------------------------------
@pytest.fixture
def image() -> Any:
    return pytest.importorskip("PIL.Image")


def test_a_folder_of_cats_and_others(tmp_path: Path, image: Any) -> None:
    red, blue = (np.full((5, 7, 3), colour, np.uint8) for colour in ([255, 0, 0], [0, 0, 51]))
    for name, pixels in (("cat1.png", red), ("dog_1.png", blue), ("car.2.png", blue)):
        image.fromarray(pixels).save(tmp_path / name)
    written(tmp_path, "notes.txt", "no picture")
    found = load(tmp_path, positive="cat", image_size=(4, 6))
    assert found.dataset().class_names == ("not cat", "cat")
    assert (found.labels.tolist(), found.image_shape) == ([0, 1, 0], (4, 6, 3))
    np.testing.assert_allclose(found.x.reshape(3, 4, 6, 3)[1], np.broadcast_to([1, 0, 0], (4, 6, 3)), atol=1e-6)
    np.testing.assert_allclose(found.x[0].reshape(-1, 3)[0], [0, 0, 0.2], atol=1e-6)
    assert load(tmp_path).dataset().class_names == ("car", "cat", "dog")
    with pytest.raises(DataError, match="no picture is of the class 'bird'"):
        load(tmp_path, positive="bird")
    (tmp_path / "yes").mkdir()
    image.fromarray(red).save(tmp_path / "yes" / "1.jpeg")
    assert load(tmp_path).class_names == ("yes",)
    with pytest.raises(DataError, match="all 1 examples are of one class"):
        load(tmp_path).dataset()


def test_pictures_that_are_none(tmp_path: Path, image: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no \.png or \.jpg file"):
        load(tmp_path)
    with pytest.raises(DataError, match="no picture in PNG or JPEG form"):
        load(written(tmp_path, "a.png", b"GIF89a"))
    whole = io.BytesIO()
    image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8)).save(whole, "PNG")
    with pytest.raises(DataError, match="truncated or damaged"):
        load(written(tmp_path, "b.png", whole.getvalue()[:2000]))
    monkeypatch.setattr(image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match="too large"):
        load(written(tmp_path, "c.png", whole.getvalue()))


# --- objects ------------------------------------------------------------------------------------------------------
class Frame:
    """What pandas has, as far as it matters."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.content = {name: np.asarray(column) for name, column in columns.items()}
        self.columns = list(columns)

    def __getitem__(self, name: Any) -> Any:
        return Frame({n: self.content[n] for n in name}) if isinstance(name, list) else self.content[name]

    def to_numpy(self, dtype: Any) -> np.ndarray:
        return np.stack(list(self.content.values()), axis=1).astype(dtype)


def test_frames_and_arrays() -> None:
    found = load(Frame({"height": [1.0, 2.0], "width": [3, 4], "Class": ["a", "b"]}))
    assert found.x.tolist() == [[1, 3], [2, 4]]
    assert found.dataset().class_names == ("a", "b")
    with pytest.raises(DataError, match=r"column name: it is .* no number"):
        load(Frame({"name": ["a", "b"], "label": [0, 1]}))
    assert load(([[1, 2], [3, 4]], [[5], [9]])).dataset().y.tolist() == [0, 1]
    for source, problem in (
        (([[1, np.nan], [3, 4]], [0, 1]), r"row 1, column 1: nan is not finite"),
        (([[1, 2], [3, 4]], [0, 1, 2]), "there are 2 examples, but labels"),
        (([[1j, 2]], [0]), "no real numbers"),
        ([1.0, 2.0], "give one row per example"),
        (np.zeros((0, 3)), "give one row per example"),
    ):
        with pytest.raises(DataError, match=problem):
            load(source)
    with pytest.raises(DataError, match=r"the label of example 2 is 0\.5, which is no class"):
        load(([[1.0], [2.0]], [0, 0.5])).dataset()


def test_what_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="what kind of file is this"):
        load(written(tmp_path, "x.docx", "?"))
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.csv")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing")
