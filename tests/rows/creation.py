"""Rows of the table of cases: functions that make arrays, with ``like=``."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from rows.calls import shape
from rows.case import flat, row
from rows.domains import any_real, reals
from tinygrad_np import Tensor


def like(*operands: Any) -> Any:
    """What to name in ``like=``: a Tensor, where there is one."""
    return next((x for x in operands if isinstance(x, Tensor)), np.empty(0))


def nested(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    return lambda x, y: function([[x, y], [y, x]], like=like(x, y), **options)


two_alike = shape().map(lambda s: ((s, s), {}))
row(nested(np.array), any_real, any_real, calls=two_alike, of=np.array)
row(lambda x: np.array(x, np.float64, ndmin=2, like=like(x)), any_real, of=np.array)
for function in (np.asarray, np.asanyarray, np.require):
    row(nested(function), any_real, any_real, calls=two_alike, of=function)
for function in (np.ascontiguousarray, np.asfortranarray):
    row(lambda x, f=function: f([x, x], like=like(x)), any_real, of=function)
row(lambda x: np.full((2, *x.shape), x, like=like(x)), any_real, of=np.full)
row(lambda x: np.fromfunction(lambda i: i[:, None] * x.reshape((1, -1)), (3,), like=like(x)), any_real,
    of=np.fromfunction)  # fmt: skip
row(
    lambda start, step: np.arange(start, 9.0, step, like=like(start, step)), reals(0.0, 1.0), reals(3.1, 3.9),
    calls=shape(0, 0).map(lambda s: ((s, s), {})), of=np.arange, exact=False, integers=False,  # always three numbers
)  # fmt: skip

for function in (np.zeros, np.ones):
    flat(lambda x, f=function: f(x.shape, like=like(x)), any_real, of=function)
flat(lambda x: np.zeros_like(np.empty(x.shape, like=like(x))), any_real, of=np.empty)
for function in (np.eye, np.identity, np.tri):
    flat(lambda x, f=function: f(2, like=like(x)), any_real, of=function)
flat(lambda x: np.frombuffer(bytes(8), like=like(x)), any_real, of=np.frombuffer)
flat(lambda x: np.fromfile(os.devnull, like=like(x)), any_real, of=np.fromfile)
flat(lambda x: np.fromstring("1 2", sep=" ", like=like(x)), any_real, of=np.fromstring)
for function in (np.loadtxt, np.genfromtxt):
    flat(lambda x, f=function: f(io.StringIO("1 2"), like=like(x)), any_real, of=function)
