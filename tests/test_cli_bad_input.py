"""Bad input: one clear sentence that names the file and the place or the option, status 2, and nothing written."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import cli, nn
from tinygrad_np.data import Preprocessing
from tinygrad_np.train import Predictor, save_model

GOOD = "a,b,label\n1,2,cat\n3,4,dog\n5,6,cat\n7,8,dog\n"


def text(content: str | bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def arrays(**given: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **given)


def png(shape: tuple[int, ...] = (30, 20, 3)) -> bytes:
    image = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    image.fromarray(np.random.default_rng(0).integers(0, 255, shape, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def pictures(**files: Callable[[], bytes]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir()
        for name, content in files.items():
            (folder / f"{name}.png").write_bytes(content())

    return write


def bomb() -> bytes:
    """A PNG whose header tells of 40,000 x 40,000 pixels."""
    whole = png()
    header = b"IHDR" + struct.pack(">II", 40_000, 40_000) + whole[24:29]
    return whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]


def model(change: Callable[[bytes], bytes] = lambda whole: whole, **fields: Any) -> Callable[[Path], None]:
    """A model file: of pictures of 8x8, with some fields of the header replaced, and then changed as a whole."""

    def write(path: Path) -> None:
        save_model(path, Predictor(nn.MLP([64, 2], rng=0), "multiclass", ("cat", "dog"), Preprocessing((8, 8))))
        inside = dict(np.load(path))
        header = json.loads(inside["header"].tobytes()) | fields
        np.savez(path, **{**inside, "header": np.frombuffer(json.dumps(header).encode(), np.uint8)})
        path.write_bytes(change(path.read_bytes()))

    return write


def objects(path: Path) -> None:
    np.savez(path, header=np.array([{}], dtype=object))


X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2

# What is in the folder, what is typed, what is said after "tinygrad-np COMMAND: ".
CASES: dict[str, tuple[dict[str, Callable[[Path], None]], str, str]] = {
    # tables
    "ragged": ({"t.csv": text(GOOD + "1,2\n")}, "train --data t.csv",
               "t.csv, row 6: there are 2 fields, but the first row has 3"),
    "text in a number column": ({"t.csv": text(GOOD + "1,two,cat\n")}, "train --data t.csv",
                                "t.csv, row 6, column b: 'two' is no number"),
    "a number missing": ({"t.csv": text(GOOD + ",2,cat\n")}, "train --data t.csv",
                         "t.csv, row 6, column a: a number is missing"),
    "a label missing": ({"t.csv": text(GOOD + "1,2,\n")}, "train --data t.csv",
                        "t.csv, row 6, column label: a label is missing"),
    "nan in a table": ({"t.csv": text(GOOD + "nan,2,cat\n")}, "train --data t.csv",
                       "t.csv, row 6, column a: nan is not finite"),
    "inf in a table": ({"t.csv": text(GOOD + "1,inf,cat\n")}, "train --data t.csv",
                       "t.csv, row 6, column b: inf is not finite"),
    "a number that is too large": ({"t.csv": text(GOOD + "1,1e400,cat\n")}, "train --data t.csv",
                                   "t.csv, row 6, column b: 1e400 is not finite"),
    "empty": ({"t.csv": text("")}, "train --data t.csv", "t.csv: the file is empty"),
    "a header alone": ({"t.csv": text("a,label\n")}, "train --data t.csv", "t.csv: there is a header, but no row"),
    "no labels": ({"t.csv": text("a,b\n1,2\n3,4\n")}, "train --data t.csv",
                  "t.csv: there are no labels; name their column"),
    "no such column": ({"t.csv": text(GOOD)}, "train --data t.csv --label kind",
                       "t.csv: there is no column 'kind'; there are a, b, label"),
    "no such place": ({"t.csv": text("1,2\n3,4\n")}, "train --data t.csv --label 7",
                      "t.csv: there is no column 7: the columns are 0 to 1"),
    "a label that is no class": ({"t.csv": text("a,label\n1,0\n2,1\n3,0.5\n")}, "train --data t.csv",
                                 "t.csv: the label of example 3 is 0.5, which is no class"),
    "numbers to predict that are text": ({"t.csv": text(GOOD)}, "train --data t.csv --task regression",
                                         "t.csv: numbers are to be predicted, but of a label: could not convert"),
    "one class only": ({"t.csv": text("a,label\n1,x\n2,x\n")}, "train --data t.csv",
                       "t.csv: all 2 examples are of one class, x: nothing to tell apart"),
    "no text": ({"t.csv": text(b"a,label\n1,\xff\n")}, "train --data t.csv",
                "t.csv: this is no text in UTF-8"),
    "a line without end": ({"t.csv.gz": text(gzip.compress(b"1," * 2**23))}, "train --data t.csv.gz",
                           "t.csv.gz: a line has 16,777,216 characters or more"),
    "a gzip that ends": ({"t.csv.gz": text(gzip.compress(GOOD.encode() * 99)[:-20])}, "train --data t.csv.gz",
                         "t.csv.gz: this is no table in text form"),
    # arrays
    "nan in arrays": ({"a.npz": arrays(x=np.where(X == 7, np.nan, X), y=Y)}, "train --data a.npz",
                      "a.npz, row 4, column 1: nan is not finite"),
    "labels outside the classes": ({"a.npz": arrays(x=X, y=Y * 2, class_names=["cat", "dog"])}, "train --data a.npz",
                                   "a.npz: the label of example 2 is 2, but there are 2 classes"),
    "fewer examples than classes": ({"a.npz": arrays(x=X[:3], y=Y[:3], class_names=list("abcd"))}, "train --data a.npz",
                                    "a.npz: there are only 3 examples, but 4 classes"),
    "labels of another length": ({"a.npz": arrays(x=X, y=Y[:7])}, "train --data a.npz",
                                 "a.npz: there are 20 examples, but labels of shape (7,)"),
    "complex numbers": ({"a.npz": arrays(x=X * 1j, y=Y)}, "train --data a.npz", "which are no real numbers"),
    "no array x": ({"a.npz": arrays(z=X)}, "train --data a.npz", "a.npz: there is no array 'x' or 'x_train'"),
    "three classes for two": ({"a.npz": arrays(x=X, y=np.arange(20) % 3)}, "train --data a.npz --task binary",
                              "a.npz: there are 3 classes, and a binary task has two"),
    "too few for a split": ({"a.npz": arrays(x=X[:2], y=Y[:2])}, "train --data a.npz",
                            "does not suit the data: the validation part of 2 examples would be empty"),
    "idx that ends": ({"train-images-idx3-ubyte": text(b"\0\0\x08\x03" + b"\0\0\0\x02" * 3 + b"\1\2")},
                      "train --data .", "its header tells of 8 bytes of shape (2, 2, 2), but there are 2"),
    "what is this": ({"a.docx": text("?")}, "train --data a.docx", "a.docx: what kind of file is this?"),
    "nothing there": ({}, "train --data nothing.csv", "nothing.csv: No such file or directory"),
    "other columns for testing": ({"t.csv": text(GOOD), "u.csv": text(GOOD.replace("a,b", "a,c"))},
                                  "train --data t.csv --test-data u.csv",
                                  "u.csv: there is no column 'b', which the model was trained with"),
    "other labels for testing": ({"t.csv": text(GOOD), "u.csv": text(GOOD.replace("dog", "pig"))},
                                 "train --data t.csv --test-data u.csv",
                                 "u.csv: the label of example 2 is pig, and the classes are cat, dog"),
    # pictures
    "a picture that is truncated": ({"p": pictures(cat1=png, dog1=lambda: png()[:900])}, "train --data p",
                                    "dog1.png: the picture is truncated or damaged"),
    "a decompression bomb": ({"p": pictures(cat1=png, dog1=bomb)}, "train --data p",
                             "dog1.png: the picture is too large"),
    "no pictures": ({"p": pictures()}, "train --data p", "p: there is no .png or .jpg file in this folder"),
    "no such positive": ({"p": pictures(cat1=png, dog1=png)}, "train --data p --positive pig",
                         "p: no picture is of the class 'pig'; there are cat, dog"),
    "a name without a class": ({"p": pictures(cat1=png, **{"7": png})}, "train --data p",
                               "7.png: the name of the file does not begin with that of a class"),
    "a picture of another size": ({"m.npz": model(), "p": pictures(cat1=png)}, "predict m.npz p",
                                  "cat1.png: the picture is 30x20 (height x width), and the model takes 8x8"),
    "a picture for a model of tables": ({"m.npz": model(image_shape=None), "p": pictures(cat1=png)}, "predict m.npz p",
                                        "cat1.png: this is a picture, and the model was not trained on pictures"),
    # models
    "a model that is truncated": ({"m.npz": model(lambda whole: whole[:-50]), "t.csv": text(GOOD)},
                                  "predict m.npz t.csv", "m.npz: this is no file of arrays, or is damaged"),
    "a model that is forged": ({"m.npz": model(layers=[64, 10**9, 2]), "t.csv": text(GOOD)},
                               "predict m.npz t.csv", "m.npz: the header of the model is damaged or forged"),
    "a model of another version": ({"m.npz": model(version=7), "t.csv": text(GOOD)}, "predict m.npz t.csv",
                                   "m.npz: the model is of the format version 7"),
    "a model that holds objects": ({"m.npz": objects, "t.csv": text(GOOD)}, "predict m.npz t.csv",
                                   "header.npy holds Python objects"),
    "a model that is none": ({"m.npz": arrays(w=X)}, "draw m.npz", "m.npz: these are arrays, but no model"),
    "a model that is not there": ({}, "draw m.npz", "m.npz: No such file or directory"),
    "another number of features": ({"m.npz": model(image_shape=None), "t.csv": text(GOOD)},
                                   "evaluate m.npz --data t.csv", "t.csv: an example has 2 numbers, and the model tak"),
    "a table to write that is there": ({"m.npz": model(), "t.csv": text(GOOD)}, "predict m.npz t.csv --csv t.csv",
                                       "--csv t.csv exists already, and nothing is overwritten"),
    # options
    "layers that do not fit": ({"a.npz": arrays(x=X, y=Y)}, "train --data a.npz --layers 3,5,1",
                               "--layers must begin with the 2 inputs of an example of a.npz"),
    "activations that do not fit": ({"a.npz": arrays(x=X, y=Y)}, "train --data a.npz --layers 5 --activation relu,tanh",
                                    "--activation names 2 for 1 hidden layers"),
    "a learning rate of zero": ({}, "train --learning-rate 0", "--learning-rate must be a positive number, not 0.0"),
    "a learning rate of nan": ({}, "train --learning-rate nan", "--learning-rate must be a positive number, not nan"),
    "an image size of zero": ({}, "train --image-size 0", "argument --image-size: a size is like 64 or 64x48"),
    "a delimiter of two": ({}, "train --delimiter ;;", "argument --delimiter: a delimiter is one character"),
    "weights of classes for numbers": ({"a.npz": arrays(x=X, y=Y + 0.5)},
                                       "train --data a.npz --task regression --class-weight balanced",
                                       "--class-weight is for classes, and the task is regression"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    files, typed, says = CASES[case]
    for name, write in files.items():
        write(tmp_path / name)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    try:
        status = cli.main(typed.split())
    except SystemExit as leaving:  # argparse leaves by itself
        status = leaving.code
    out, err = capsys.readouterr()
    said = [line for line in err.splitlines() if not re.match("(data|split|network|note) ", line)]
    assert (status, out, len(said)) == (2, "", 1), err
    assert said[0].startswith(f"tinygrad-np {typed.split()[0]}: ")
    assert says in said[0]
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before
