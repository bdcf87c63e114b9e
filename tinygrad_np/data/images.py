"""A folder of pictures as a data set."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_np._extras import require
from tinygrad_np.data.dataset import Dataset
from tinygrad_np.data.errors import DataError

__all__ = ["SUFFIXES", "image_files", "read_image", "read_images"]

SUFFIXES = (".png", ".jpg", ".jpeg")


def read_image(
    path: str | os.PathLike[str], size: tuple[int, int] | None = (64, 64), *, grey: bool = False
) -> NDArray[np.uint8]:
    """Read a picture as bytes of shape (height, width, 3), or (height, width) in shades of grey.

    Parameters
    ----------
    path : path_like
    size : tuple of int or None
        The height and width to resize it to; None leaves it as it is.
    grey : bool

    Raises
    ------
    ImportError
        If Pillow is missing (``pip install 'tinygrad_np[images]'``).
    OSError
        If the file cannot be opened.
    DataError
        If it is no picture, is truncated, or would take absurdly much memory (a "decompression bomb").
    """
    image_module = require("PIL.Image", "images")
    with open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("error", image_module.DecompressionBombWarning)
        try:
            with image_module.open(file, formats=("PNG", "JPEG")) as image:
                pixels = image.convert("L" if grey else "RGB")
                if size is not None and size != (pixels.height, pixels.width):
                    pixels = pixels.resize((size[1], size[0]), image_module.Resampling.BILINEAR)
                return np.array(pixels, np.uint8)
        except (image_module.DecompressionBombWarning, image_module.DecompressionBombError) as error:
            raise DataError(path, f"the picture is too large: {error}") from None
        except image_module.UnidentifiedImageError:
            raise DataError(path, "this is no picture in PNG or JPEG form") from None
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow says of damaged files
            raise DataError(path, f"the picture is truncated or damaged ({error})") from None


def image_files(folder: Path) -> list[Path]:
    """The PNG and JPEG files in a folder and the folders in it, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def read_images(
    folder: str | os.PathLike[str],
    size: tuple[int, int] = (64, 64),
    *,
    positive: str | None = None,
    dtype: DTypeLike = np.float32,
) -> Dataset:
    """Read the pictures of a folder, as rows of ``height * width * 3`` numbers from 0 to 1.

    Labels are the names of the subfolders or, where there are none, what the names of the files begin with:
    ``cat1.jpg`` and ``cat-2.png`` are of the class "cat".

    Parameters
    ----------
    folder : path_like
        With PNG and JPEG files; other files are left alone.
    size : tuple of int
        Height and width that all pictures are resized to.
    positive : str, optional
        One class to be told from all others: the classes are then "not <positive>" and ``positive``.
    dtype : dtype
        Of the numbers.

    Returns
    -------
    Dataset
        ``x`` of shape (m, height * width * 3), the files in the order of their names.

    Raises
    ------
    ImportError, OSError, DataError
        See :func:`read_image`; also if there is no picture, or none is of the class ``positive``.
    """
    folder = Path(folder)
    files = image_files(folder)
    if not files:
        raise DataError(folder, "there is no .png or .jpg file in this folder")
    in_subfolders = [path for path in files if path.parent != folder]
    if in_subfolders:
        files = in_subfolders
        names = [path.relative_to(folder).parts[0] for path in files]
    else:
        names = [_prefix(path) for path in files]
    classes = sorted(set(names))
    if positive is not None:
        if positive not in classes:
            raise DataError(folder, f"no picture is of the class {positive!r}; there are {', '.join(classes[:8])}")
        names = [name if name == positive else f"not {positive}" for name in names]
        classes = [f"not {positive}", positive]
    x = np.empty((len(files), size[0] * size[1] * 3), dtype)
    for row, path in zip(x, files, strict=True):
        row[:] = read_image(path, size).reshape(-1)
    x /= 255
    y = np.array([classes.index(name) for name in names], np.int64)
    return Dataset(x, y, tuple(classes), (*size, 3), folder.resolve().name or "images")


def _prefix(path: Path) -> str:
    """``cat`` of ``cat1.jpg``, ``cat.12.jpg`` and ``cat-1.png``."""
    found = re.match(r"[^\W\d_]+", path.stem)
    if found is None:
        raise DataError(path, "the name of the file does not begin with that of a class, such as cat1.jpg")
    return found.group()
