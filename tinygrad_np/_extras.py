"""Optional dependencies: imported where they are used, missed with a sentence that says what to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def require(module: str, extra: str) -> Any:
    """Import and return ``module``, which the optional-dependency group ``extra`` installs.

    Raises
    ------
    ImportError
        If the package is missing; the message names the extra.

    Examples
    --------
    >>> require("json", "train").dumps([1, 2])
    '[1, 2]'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != module.partition(".")[0]:
            raise  # the package is there, but one of its own imports is not: hiding that would mislead
        package = module.partition(".")[0]
        raise ImportError(
            f"this needs the package {package!r}, which is not installed: pip install 'tinygrad_np[{extra}]'"
        ) from None
