"""Compiling the kernels: this module run with a folder, a precision, and a `processor.Target`.

In a process of its own: the compiler's memory is not wanted where networks train, and it is told
once, before its first use, for which processor it compiles. Nothing compiled here is run here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba import types

from workers.engine.kernels.native.folders import index_of
from workers.engine.kernels.native.interface import ENTRIES
from workers.engine.kernels.native.symbols import provide_blas
from workers.engine.kernels.source import chunk_entry, entries
from workers.engine.kernels.source.jit import FLAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KINDS = {"i": types.int64, "d": types.float64, "v": types.void}


def main() -> None:
    """Write an object file for each kernel, and last an index with the name of each function."""
    folder, precision, cpu, features = Path(sys.argv[1]), *sys.argv[2:5]
    numba.config.CPU_NAME, numba.config.CPU_FEATURES = cpu, features
    provide_blas()
    symbols = {}
    for entry, function in _functions(precision):
        name = f"{entry}-{precision}"
        made = numba.cfunc(_signature(ENTRIES[entry]), **FLAGS)(function)
        library = made._library
        (folder / f"{name}.o").write_bytes(library._get_compiled_object())
        symbols[name] = made.native_name
    index_of(folder, precision).write_text(json.dumps(symbols, indent=1))


def _functions(precision: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    zero = np.dtype(precision).type(0)
    for part in (entries.elementwise, entries.losses, entries.updates, chunk_entry.chunk):
        yield from part(zero).items()


def _signature(kind: Any) -> Any:
    return _KINDS[kind.result](*(_KINDS[letter] for letter in kind.arguments))


if __name__ == "__main__":
    main()
