"""Compiling the kernels: `python -m workers.engine.kernels.source.build FOLDER CPU FEATURES`.

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

from workers.engine.kernels.native.interface import ENTRIES, PRECISIONS
from workers.engine.kernels.native.symbols import provide_blas
from workers.engine.kernels.source import chunk_entry, entries
from workers.engine.kernels.source.jit import FLAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KINDS = {"i": types.int64, "d": types.float64, "v": types.void}


def main() -> None:
    """Write an object file for each kernel, and last an index with the name of each function."""
    folder, cpu, features = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    numba.config.CPU_NAME, numba.config.CPU_FEATURES = cpu, features
    provide_blas()
    symbols = {}
    for name, function, kind in _functions():
        made = numba.cfunc(_signature(kind), **FLAGS)(function)
        library = made._library
        (folder / f"{name}.o").write_bytes(library._get_compiled_object())
        symbols[name] = made.native_name
    (folder / "index.json").write_text(json.dumps(symbols, indent=1))


def _functions() -> Iterator[tuple[str, Callable[..., Any], Any]]:
    for precision in PRECISIONS:
        zero = np.dtype(precision).type(0)
        parts = (entries.elementwise, entries.losses, entries.updates, chunk_entry.chunk)
        made = {name: function for part in parts for name, function in part(zero).items()}
        for name, kind in ENTRIES.items():
            yield f"{name}-{precision}", made[name], kind


def _signature(kind: Any) -> Any:
    return _KINDS[kind.result](*(_KINDS[letter] for letter in kind.arguments))


if __name__ == "__main__":
    main()
