"""Compilation of the numeric kernels to machine code, with types kept for the reader and for mypy.

Each kernel file is self-contained: numba's cache watches only the file of the compiled function, so a
kernel that called another file's kernel could keep running the old one after a change.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
States = NDArray[np.int8]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(kernel: Kernel) -> Kernel:
    """Compile at the first call and cache on disk; without a writable cache directory, only in memory."""
    try:
        return cast(Kernel, numba.njit(cache=True)(kernel))
    except RuntimeError:
        return cast(Kernel, numba.njit(cache=False)(kernel))
