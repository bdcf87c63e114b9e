"""A callback that writes what TensorBoard reads."""

from __future__ import annotations

import os
from dataclasses import asdict
from types import TracebackType

from tinygrad_np._extras import require
from tinygrad_np.train.history import Epoch

__all__ = ["TensorBoard"]

#: Column of the history -> its name there: what belongs together has one prefix, and one diagram.
TAGS = {
    "cost": "cost/training", "validation_cost": "cost/validation",
    "accuracy": "accuracy/training", "validation_accuracy": "accuracy/validation",
    "learning_rate": "learning_rate", "examples_per_second": "examples_per_second",
}  # fmt: skip


class TensorBoard:
    """Write each epoch into an event file: a callback for :func:`~tinygrad_np.train.fit`, and a context manager.

    Parameters
    ----------
    folder : path_like
        Where: ``tensorboard --logdir FOLDER`` shows it.

    Raises
    ------
    ImportError
        If tensorboardX is missing (``pip install 'tinygrad_np[tensorboard]'``).

    Notes
    -----
    ::

        with train.TensorBoard("runs/first") as board:
            train.fit(model, training, validation, optimizer=optimizer, callbacks=[board])
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._writer = require("tensorboardX", "tensorboard").SummaryWriter(os.fspath(folder))

    def __call__(self, epoch: Epoch) -> None:
        """Write the figures of an epoch, and let them be seen."""
        figures = asdict(epoch)
        for column, tag in TAGS.items():
            if figures[column] is not None:
                self._writer.add_scalar(tag, figures[column], epoch.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
