"""Pictures as PNG, with nothing but zlib, for a page that has to stand alone.

References
----------
"Portable Network Graphics (PNG) Specification (Second Edition)", W3C, 2003, sections 5 and 11.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["data_uri", "encode_png"]


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return the bytes of a PNG of ``pixels`` of shape (height, width), in shades of grey, or (height, width, 3).

    Examples
    --------
    >>> encode_png(np.zeros((2, 2), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    height, width = pixels.shape[:2]
    colour = 2 if pixels.ndim == 3 else 0
    lines = pixels.reshape(height, -1)
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), lines], axis=1).tobytes()  # each line begins with 0
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(unfiltered, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def data_uri(image: NDArray[Any]) -> str:
    """Return an image with numbers from 0 to 1 as the address of an ``<img>``; one without colour as ink on paper.

    Other numbers are stretched to that range first.
    """
    low, high = min(0.0, float(image.min())), max(1.0, float(image.max()))
    levels = (image - low) / (high - low)
    levels = 1 - levels if image.ndim == 2 else levels
    content = encode_png(np.rint(255 * levels).astype(np.uint8))
    return "data:image/png;base64," + base64.b64encode(content).decode()
