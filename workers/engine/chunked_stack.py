"""Networks of one shape that train on the same rows in compiled chunks, each on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.chunk_plan import plan
from workers.engine.kernels.program import Members, Rows, Scratch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workers.engine.batches import Batch
    from workers.engine.problem import Problem
    from workers.engine.tensors import Array, Labels


class ChunkedStack:
    """K members, whose problems differ in nothing but seed, rates and the order of their rows.

    parameters and slots (K, P) are moved in place; a member gets the bits that it gets alone.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        rows: Batch,
        parameters: Array,
        slots: Mapping[str, Array],
    ) -> None:
        first = problems[0]
        dtype, n_rows = parameters.dtype, len(rows.X)
        plans = [plan(one.network, one.spec, min(one.spec.batch_size, n_rows)) for one in problems]
        self._chunk: Any = first.kernels.chunk
        self._program = plans[0].program
        self.batch_size = self._program.batch_size
        self._rows = _table(rows, dtype)
        vectors = [*slots.values(), *2 * [np.empty((len(problems), 0), dtype)]]
        self._members = Members(
            parameters=parameters,
            first_slot=vectors[0],
            second_slot=vectors[1],
            orders=np.empty((len(problems), 0), np.int64),
            seeds=np.array([one.seed for one in problems], np.uint64),
            dropout_rates=np.stack([one.dropout_rates for one in plans]),
            coefficients=np.empty((len(problems), 0, 0)),
            loss_sums=np.zeros(len(problems)),
            counts=np.zeros(len(problems), np.int64),
        )
        self._scratch = Scratch(
            gradient=np.zeros(first.network.n_trainable, dtype),
            memory=np.zeros(plans[0].memory_size, dtype),
            labels=np.zeros(self.batch_size, np.int64),
        )

    def enter(self, orders: Sequence[Labels | None]) -> None:
        """Begin an epoch with each member's order (N,) of the rows, or all with the table's."""
        known = [order for order in orders if order is not None]
        if known:
            self._members = self._members._replace(orders=np.stack(known))

    def run(
        self, place: tuple[int, int], coefficients: Array, loss_sums: Array, counts: Labels
    ) -> None:
        """Do counts (K,) steps from `place`: the batch of the epoch, the steps done before.

        coefficients (K, S, 3). The losses, each times the weight of its rows, are added to
        loss_sums (K,). counts are left as the steps done: fewer than asked for where the loss of
        the next was not finite.
        """
        members = self._members._replace(
            coefficients=coefficients, loss_sums=loss_sums, counts=counts
        )
        self._chunk(self._program, self._rows, members, self._scratch, place)


def _table(rows: Batch, dtype: Any) -> Rows:
    """The rows in the types that the chunk was compiled for."""
    labelled = rows.y.ndim == 1
    none = np.empty(0, dtype)
    return Rows(
        X=_writable(rows.X),
        targets=np.empty((0, 0), dtype) if labelled else _writable(rows.y),
        labels=_writable(rows.y.astype(np.int64, copy=False))
        if labelled
        else none.astype(np.int64),
        weights=none if rows.weights is None else _writable(rows.weights),
    )


def _writable(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory as an ordinary array: to a compiler one that is read-only is another type.

    Nothing is written to it.
    """
    if array.flags.writeable and type(array) is np.ndarray:
        return array
    return np.asarray(_Memory(array))


class _Memory:
    """An array's memory, which lives as long as what is made of it."""

    def __init__(self, owner: NDArray[Any]) -> None:
        self._owner = owner
        self.__array_interface__ = owner.__array_interface__ | {"data": (owner.ctypes.data, False)}
