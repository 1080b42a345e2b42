"""Compilation of the numeric kernels to machine code, with types kept for the reader and for mypy.

numba's cache watches only the file of the compiled function, so a kernel that called another file's kernel
could keep running the old one after a change. So each kernel file is self-contained, but for units.py, which
every kernel's cache watches besides its own file.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
States = NDArray[np.int8]
Places = NDArray[np.int32]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


_SHARED_STAMP = Path(__file__).with_name("units.py").stat().st_mtime


def compiled(kernel: Kernel) -> Kernel:
    """Compile at the first call and cache on disk; without a writable cache directory, only in memory."""
    # Not above: whoever wants the names of the types alone is spared what loading numba takes.
    import numba

    try:
        function = numba.njit(cache=True, nogil=True)(kernel)
    except RuntimeError:
        return cast(Kernel, numba.njit(cache=False, nogil=True)(kernel))
    cache_file = cast(Any, function)._cache._cache_file  # noqa: SLF001
    cache_file._source_stamp = (cache_file._source_stamp, _SHARED_STAMP)  # noqa: SLF001
    return cast(Kernel, function)
