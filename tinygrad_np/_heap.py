"""Memory that is kept for the next step: on Linux, what makes new arrays of megabytes cheap.

A training step makes arrays and drops them, and the next one makes arrays of the same sizes. glibc's ``malloc`` takes
each array of 128 KiB or more from the system and gives it back at once, so every step gets all its pages anew, each
by a page fault and full of zeros: for elementwise operations, three quarters of their time. But it learns. When it
gives such an array back, arrays up to that size (32 MiB at most) come from the heap from then on, and of the heap's
end it keeps twice that size. So a program that has once dropped an array of 32 MiB is faster from there on, and an
array may be dropped that nobody has ever written to, which costs nothing.

The price: up to 64 MiB of what was free stay with the process. Whoever has set glibc's thresholds (the environment's
``MALLOC_MMAP_THRESHOLD_`` and the like) has switched this learning off, and keeps what they have set.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache

import numpy as np

__all__ = ["keep_freed_memory"]

_LARGEST = 2**25 - 2**16  # bytes: with malloc's own, and whole pages, just below the 32 MiB up to which it learns


@cache
def keep_freed_memory() -> None:
    """Let glibc keep up to 64 MiB of freed memory, and do nothing elsewhere. Only the first call does anything."""
    if "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {}):
        with suppress(MemoryError):  # where a limit is set
            np.empty(_LARGEST, np.uint8)
