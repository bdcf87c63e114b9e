"""From DOT to SVG, PNG and PDF, by Graphviz."""

from __future__ import annotations

from tinygrad_np._extras import require

__all__ = ["FORMATS", "rendered"]

FORMATS = ("svg", "png", "pdf")


def rendered(source: str, format: str) -> bytes:  # noqa: A002 - Graphviz's name for it
    """Return the picture of a DOT source.

    Raises
    ------
    ImportError
        If the package ``graphviz`` is missing.
    RuntimeError
        If the program ``dot`` is missing, or fails.
    """
    graphviz = require("graphviz", "draw")
    try:
        return graphviz.pipe("dot", format, source.encode(), quiet=True)  # type: ignore[no-any-return]
    except graphviz.ExecutableNotFound:
        raise RuntimeError(
            f"a {format} is drawn by Graphviz, whose program 'dot' is not on the PATH: install it with "
            f"'apt install graphviz', 'brew install graphviz', 'conda install graphviz' or from "
            f"https://graphviz.org/download, or save the drawing as .dot, .mmd or .json, which need nothing"
        ) from None
    except graphviz.CalledProcessError as error:
        message = (error.stderr or b"").decode(errors="replace").strip()
        raise RuntimeError(f"Graphviz could not draw this {format}: {message or error}") from None
