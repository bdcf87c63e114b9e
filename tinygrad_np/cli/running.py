"""The folder of a run, and what goes wrong while a network is trained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tinygrad_np import train
from tinygrad_np.cli.parser import Failure

__all__ = ["run_folder"]


@contextmanager
def run_folder(out: Path | None, name: str, config: train.Config) -> Iterator[Path]:
    """The folder ``out``, or a new one named after the data; it goes again if nothing was written to it."""
    try:
        folder = train.new_folder(out, re.sub(r"[^\w.-]+", "-", Path(name).stem) or "data")
    except OSError as error:
        raise Failure(f"--out {error.filename}: {error.strerror}") from None
    try:
        yield folder
    except train.DivergedError as error:
        raise Failure(f"{error} (--learning-rate was {config.learning_rate})", 1) from None
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, say
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror}", 1) from None
    finally:
        with suppress(OSError):
            folder.rmdir()  # only if it is empty: if training failed or was interrupted
            if out is None:
                folder.parent.rmdir()
