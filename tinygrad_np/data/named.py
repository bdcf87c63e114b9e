"""Data sets with names: downloaded once, checked by SHA-256, and kept in the user's cache."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_np._extras import require
from tinygrad_np.data.digits import digits
from tinygrad_np.data.errors import DataError
from tinygrad_np.data.examples import Examples
from tinygrad_np.data.idx_files import load_idx_folder

__all__ = ["NAMES", "named"]


@dataclass(frozen=True)
class _Source:
    """Where the four files of a data set in the form of MNIST are, and what their contents hash to."""

    mirrors: tuple[str, ...]
    sha256: dict[str, str]
    class_names: tuple[str, ...] = ()


_DOWNLOADS = {
    "mnist": _Source(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fashion-mnist": _Source(
        (
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        {
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
}

#: What :func:`named` knows.
NAMES = ("digits", *_DOWNLOADS)


def named(name: str, dtype: DTypeLike = np.float32) -> Examples:
    """Return a data set by its name: "digits" (which scikit-learn ships), "mnist" or "fashion-mnist".

    The last two are downloaded by pooch when they are first asked for, and kept in the user's cache or, if there is
    such an environment variable, in the folder ``TINYGRAD_NP_DATA``.

    Raises
    ------
    ImportError
        If scikit-learn or pooch is missing (``pip install 'tinygrad_np[train]'``, ``'tinygrad_np[download]'``).
    DataError
        If a file cannot be downloaded, or is not what it should be; the message names the files to give instead.
    KeyError
        If there is no data set of that name.

    Examples
    --------
    >>> print(named("digits"))
    digits of scikit-learn: 1,797 examples of 8x8, 10 classes
    """
    if name == "digits":
        data = digits(dtype)
        return Examples(data.x, data.y, data.class_names, data.image_shape, name, "digits of scikit-learn")
    source = _DOWNLOADS[name]
    found = load_idx_folder(_download(name, source), dtype)
    test = found.test and replace(found.test, class_names=source.class_names)
    return replace(found, name=name, kind=name, class_names=source.class_names, test=test)


def _download(name: str, source: _Source) -> Path:
    pooch = require("pooch", "download")
    cache = pooch.os_cache("tinygrad_np")
    problem: Exception | None = None
    for mirror in source.mirrors:
        registry = {f"{name}/{file}": f"sha256:{digest}" for file, digest in source.sha256.items()}
        urls = {f"{name}/{file}": mirror + file for file in source.sha256}
        fetcher = pooch.create(cache, mirror, registry=registry, urls=urls, env="TINYGRAD_NP_DATA")
        try:
            paths = [Path(fetcher.fetch(file)) for file in registry]
            return paths[0].parent
        except (OSError, ValueError) as error:  # no internet; not the bytes that they were
            problem = error
    raise DataError(
        name,
        f"cannot be downloaded ({type(problem).__name__}): put {', '.join(source.sha256)} into a folder, and give that "
        f"folder instead of the name",
    )
