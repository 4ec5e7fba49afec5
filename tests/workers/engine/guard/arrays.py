"""Arrays that refuse what would silently copy from a device, or mix it with the host.

CuPy itself would copy for `float(a)`, `if a` or `for x in a`, and so wait for the GPU in every
step; it refuses `np.asarray(a)` and arithmetic with NumPy's arrays. These refuse all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class HostAccessError(TypeError):
    """Code asked for the numbers of an array on the device."""


class MixedArraysError(TypeError):
    """Arrays of the device and of the host met in one operation."""


class Flags(NamedTuple):
    """What CuPy tells of an array's layout."""

    c_contiguous: bool
    f_contiguous: bool


def _refusal(what: str) -> Callable[..., NoReturn]:
    def refuse(_self: GuardArray, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise HostAccessError(f"{what} would read an array of the device on the host")

    return refuse


def _operator(function: Callable[..., Any], *, reflected: bool = False) -> Callable[..., Any]:
    def operate(self: GuardArray, other: Any) -> GuardArray:
        operands = (host_of(self), host_of(other))
        return wrapped(function(*(reversed(operands) if reflected else operands)))

    return operate


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    def operate(self: GuardArray, other: Any) -> GuardArray:
        own = host_of(self)
        function(own, host_of(other), out=own)
        return self

    return operate


class GuardArray:
    """An array "on the device"; its numbers come out through `transfers.to_host` alone."""

    __slots__ = ("_numbers",)
    __array_priority__ = 100

    _numbers: np.ndarray[Any, Any]

    def __init__(self, numbers: np.ndarray[Any, Any]) -> None:
        self._numbers = numbers

    __array__ = _refusal("np.asarray(a)")
    __array_ufunc__ = _refusal("a function of NumPy instead of one of xp")
    __array_function__ = _refusal("a function of NumPy instead of one of xp")
    __float__ = _refusal("float(a)")
    __int__ = _refusal("int(a)")
    __complex__ = _refusal("complex(a)")
    __index__ = _refusal("a as an index")
    __bool__ = _refusal("bool(a)")
    __contains__ = _refusal("x in a")
    item = _refusal("a.item()")
    tolist = _refusal("a.tolist()")
    tobytes = _refusal("a.tobytes()")
    get = _refusal("a.get() instead of kernels.to_host(a)")

    __add__, __radd__ = _operator(np.add), _operator(np.add, reflected=True)
    __sub__, __rsub__ = _operator(np.subtract), _operator(np.subtract, reflected=True)
    __mul__, __rmul__ = _operator(np.multiply), _operator(np.multiply, reflected=True)
    __truediv__, __rtruediv__ = _operator(np.divide), _operator(np.divide, reflected=True)
    __floordiv__, __mod__ = _operator(np.floor_divide), _operator(np.remainder)
    __pow__, __matmul__ = _operator(np.power), _operator(np.matmul)
    __lt__, __le__ = _operator(np.less), _operator(np.less_equal)
    __gt__, __ge__ = _operator(np.greater), _operator(np.greater_equal)
    __eq__, __ne__ = _operator(np.equal), _operator(np.not_equal)
    __and__, __or__ = _operator(np.bitwise_and), _operator(np.bitwise_or)
    __xor__, __rshift__ = _operator(np.bitwise_xor), _operator(np.right_shift)
    __iadd__, __isub__ = _in_place(np.add), _in_place(np.subtract)
    __imul__, __itruediv__ = _in_place(np.multiply), _in_place(np.divide)
    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> GuardArray:
        return wrapped(np.negative(self._numbers))

    def __abs__(self) -> GuardArray:
        return wrapped(np.abs(self._numbers))

    def __invert__(self) -> GuardArray:
        return wrapped(np.invert(self._numbers))

    def __repr__(self) -> str:
        return f"GuardArray(shape={self.shape}, dtype={self.dtype})"

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[GuardArray]:
        if self.ndim < 2:
            raise HostAccessError("iteration would read each number on the host")
        return iter([self[index] for index in range(len(self))])

    def __getitem__(self, index: Any) -> GuardArray:
        return wrapped(self._numbers[_as_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._numbers[_as_index(index)] = host_of(value)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._numbers.shape)

    @property
    def dtype(self) -> Any:
        return self._numbers.dtype

    @property
    def ndim(self) -> int:
        return self._numbers.ndim

    @property
    def size(self) -> int:
        return self._numbers.size

    @property
    def nbytes(self) -> int:
        return self._numbers.nbytes

    @property
    def itemsize(self) -> int:
        return self._numbers.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        return self._numbers.strides

    @property
    def flags(self) -> Flags:
        flags = self._numbers.flags
        return Flags(flags.c_contiguous, flags.f_contiguous)

    @property
    def T(self) -> GuardArray:  # noqa: N802 - as CuPy calls it
        return wrapped(self._numbers.T)

    def copy(self) -> GuardArray:
        return wrapped(self._numbers.copy())

    def fill(self, value: Any) -> None:
        self._numbers.fill(host_of(value))

    def view(self, dtype: Any) -> GuardArray:
        return wrapped(self._numbers.view(dtype))

    def astype(self, dtype: Any, *, copy: bool = True) -> GuardArray:
        return wrapped(self._numbers.astype(dtype, copy=copy))

    def reshape(self, *shape: Any) -> GuardArray:
        return wrapped(self._numbers.reshape(*shape))

    def ravel(self) -> GuardArray:
        return wrapped(self._numbers.ravel())

    def swapaxes(self, axis1: int, axis2: int) -> GuardArray:
        return wrapped(self._numbers.swapaxes(axis1, axis2))

    def transpose(self, *axes: int) -> GuardArray:
        return wrapped(self._numbers.transpose(*axes))

    def sum(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> GuardArray:
        target = None if out is None else host_of(out)
        return wrapped(self._numbers.sum(axis=axis, out=target, keepdims=keepdims))

    def all(self, axis: Any = None) -> GuardArray:
        return wrapped(self._numbers.all(axis=axis))

    def any(self, axis: Any = None) -> GuardArray:
        return wrapped(self._numbers.any(axis=axis))


def wrapped(numbers: Any) -> GuardArray:
    """Numbers as an array of the device, a view where they are one."""
    return GuardArray(np.asarray(numbers))


def host_of(operand: Any) -> Any:
    """What an operation of the device computes with: its arrays and plain numbers, nothing else."""
    if isinstance(operand, GuardArray):
        return operand._numbers
    if isinstance(operand, np.ndarray):
        raise MixedArraysError("an array of the host in an operation of the device")
    if not isinstance(operand, bool | int | float | np.generic):
        raise TypeError(f"an operation of the device takes no {type(operand).__name__}")
    return operand


def _as_index(index: Any) -> Any:
    parts = index if isinstance(index, tuple) else (index,)
    found = [_index_part(part) for part in parts]
    # So that a single element, too, is an array that can be written through.
    return tuple(found) if Ellipsis in parts or _is_fancy(parts) else (*found, Ellipsis)


def _is_fancy(parts: tuple[Any, ...]) -> bool:
    return any(isinstance(part, GuardArray) for part in parts)


def _index_part(part: Any) -> Any:
    if isinstance(part, GuardArray):
        if part.dtype == np.bool_:
            raise HostAccessError("a mask as an index: the host would have to count what it holds")
        return host_of(part)
    if part is None or part is Ellipsis or isinstance(part, int | np.integer | slice):
        return part
    raise MixedArraysError(f"an index of {type(part).__name__} on an array of the device")
