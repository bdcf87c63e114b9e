"""Checkpoints: a training run on disk, to go on from after the process was killed, with the very same results."""

from __future__ import annotations

import glob
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tinygrad_np._arrays import load_arrays, save_arrays
from tinygrad_np.data import Dataset
from tinygrad_np.optim import Plateau, Schedule
from tinygrad_np.train.course import Course
from tinygrad_np.train.early_stopping import Watch
from tinygrad_np.train.history import Epoch
from tinygrad_np.train.state import State

__all__ = ["Checkpoint", "fingerprint"]

_FORMAT = 1

#: The name of the entry with all that are no arrays, as JSON. (No parameter is called so: theirs begin with "state.".)
_HEADER = "checkpoint"

#: At most this part of the time goes into writing at the ends of epochs.
_SHARE = 0.02


class Checkpoint:
    """The file of a run: all that its next step depends on.

    That is what :class:`State` holds (parameters, the optimizer's memory, generators), the :class:`Course` (history,
    the order of this epoch's examples, the position in it, running sums), the schedule, and early stopping with its
    best weights. The file changes all at once or not at all: at any moment there is a whole one.

    Parameters
    ----------
    path : path_like, optional
        An ``.npz`` file, without pickle; without a path, nothing is written or read.
    seconds : float
        How often it is written within an epoch. It is also written at the end of epochs, if these are not so short
        that writing would cost more than training, and at the end of the run.
    identity : dict
        What must be the same to go on: numbers and strings by their names.
    state : State
    course : Course
    schedule : Schedule or Plateau, optional
    watch : Watch
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        seconds: float,
        identity: Mapping[str, Any],
        state: State,
        course: Course,
        schedule: Schedule | Plateau | None,
        watch: Watch,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.seconds, self.identity = seconds, {"format": _FORMAT, **identity}
        self.state, self.course, self.schedule, self.watch = state, course, schedule, watch
        self._written, self._cost = perf_counter(), 0.0

    # --- writing ----------------------------------------------------------------------------------------------------
    def after_step(self) -> None:
        """Write, if it is time to."""
        if self.path is not None and perf_counter() - self._written >= self.seconds:
            self.write()

    def after_epoch(self) -> None:
        """Write, unless that would take more than its share of the time."""
        if self.path is not None and perf_counter() - self._written >= min(self.seconds, self._cost / _SHARE):
            self.write()

    def write(self) -> None:
        """Write the file.

        Raises
        ------
        OSError
            If that cannot be done; an older file is still there, and whole.
        """
        if self.path is None:
            return
        began = perf_counter()
        course = {each.name: getattr(self.course, each.name) for each in fields(self.course) if each.compare}
        order, history = course.pop("order"), course.pop("history")
        entries = {
            **{f"state.{name}": value for name, value in self.state.copy().items()},
            **{f"course.{name}": value for name, value in course.items()},
            "history": [list(asdict(epoch).values()) for epoch in history],
            **({} if order is None else {"order": order}),
            **({} if self.schedule is None else {"schedule": self.schedule.state_dict()}),
            **{f"watch.{name}": value for name, value in self.watch.state_dict().items()},
        }
        arrays = {name: value for name, value in entries.items() if isinstance(value, np.ndarray)}
        plain = {name: value for name, value in entries.items() if name not in arrays}
        text = json.dumps({"identity": self.identity, **plain}, default=_encoded)
        save_arrays(self.path, {_HEADER: np.frombuffer(text.encode(), np.uint8), **arrays})
        self._written = perf_counter()
        self._cost = self._written - began

    # --- reading ----------------------------------------------------------------------------------------------------
    def read(self) -> bool:
        """Go on from where the file says; tell whether there is one.

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is damaged, or is the file of another run. Nothing has changed then.
        """
        if self.path is None:
            return False
        for leftover in self.path.parent.glob(f".{glob.escape(self.path.name)}.*.tmp"):  # of writes that were killed
            leftover.unlink(missing_ok=True)
        if not self.path.exists():
            return False
        arrays = load_arrays(self.path)
        try:
            header = json.loads(arrays.pop(_HEADER).tobytes(), object_hook=_decoded)
            identity, entries = header.pop("identity"), {**header, **arrays}
            self._check(identity)
            before = self.state.copy()
            try:
                self._put_back(entries)
            except BaseException:
                self.state.put_back(before)
                raise
        except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{self.path} is no checkpoint of this run, or is damaged: {error}") from None
        return True

    def _check(self, identity: Mapping[str, Any]) -> None:
        for name, value in self.identity.items():
            if (found := identity.get(name)) != value:
                raise ValueError(
                    f"{self.path} is the checkpoint of another run: its {name} is {found}, and not {value}; give the "
                    f"options and data that it was begun with, or begin anew with another file"
                )

    def _put_back(self, entries: Mapping[str, Any]) -> None:
        history = [Epoch(*row) for row in entries["history"]]
        order = entries.get("order")
        course = {name.removeprefix("course."): v for name, v in entries.items() if name.startswith("course.")}
        self.state.put_back({n.removeprefix("state."): v for n, v in entries.items() if n.startswith("state.")})
        if self.schedule is not None:
            self.schedule.load_state_dict(entries["schedule"])
        self.watch.load_state_dict({n.removeprefix("watch."): v for n, v in entries.items() if n.startswith("watch.")})
        for epoch in history:
            self.course.history.append(epoch)
        self.course.order = order
        for name, value in course.items():
            setattr(self.course, name, value)


def fingerprint(data: Dataset | None) -> list[int] | None:
    """What tells data sets apart: the number of examples, and checksums of the labels and of a thousand examples."""
    if data is None:
        return None
    some = data.x[:: max(1, data.size // 1000)]
    arrays = (data.y, some, data.weights)
    return [data.size, *(0 if a is None else zlib.crc32(np.ascontiguousarray(a).tobytes()) for a in arrays)]


def _encoded(value: Any) -> Any:
    """JSON for what JSON lacks: NumPy's numbers, and the arrays in the states of some generators."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str}
    raise TypeError(f"a {type(value).__name__} cannot be kept in a checkpoint")


def _decoded(entry: dict[str, Any]) -> Any:
    return np.array(entry["array"], entry["dtype"]) if entry.keys() == {"array", "dtype"} else entry
