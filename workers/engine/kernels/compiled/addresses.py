"""Where the numbers of an array lie, for compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Address:
    """The address of one argument's array, asked for anew only when it is another array.

    NumPy takes longer to tell than a small kernel to run, and kernels see the same arrays again
    and again.
    """

    def __init__(self) -> None:
        self._array: NDArray[Any] | None = None
        self._address = 0

    def __call__(self, array: NDArray[Any]) -> int:
        """Of a C-contiguous array; it is kept alive until the next."""
        if array is not self._array:
            if not array.flags.c_contiguous:
                raise ValueError("a compiled kernel needs contiguous arrays")
            self._array = array
            self._address = array.ctypes.data
        return self._address
