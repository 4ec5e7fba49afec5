"""Embeddings: a learned vector in place of each level of a categorical column.

Guo and Berkhahn 2016. A level is a code in the data: 0 for a missing or unseen one, whose vector
starts at 0; those of the others at random, of length about 1 as a standardised number is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workers.engine.layers.layer import Role, Tensor, Workplace
from workers.engine.layers.level_sums import each_member, sums_by_level
from workers.engine.layers.numeric_embedding import NumericEmbedding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.engine.spec import NetworkSpec
    from workers.engine.tensors import Array, Labels, Views


@dataclass(frozen=True)
class Category:
    """A categorical column among a network's inputs.

    `index` is the place of its codes, whole numbers in [0, levels); `levels` counts code 0 too.
    """

    index: int
    levels: int


class EmbeddingError(ValueError):
    """An embedding that the inputs do not allow; `embedding` counts those of the specification."""

    def __init__(self, embedding: int, reason: str) -> None:
        self.embedding = embedding
        self.reason = reason
        super().__init__(f"embedding {embedding}: {reason}")


@dataclass(frozen=True)
class Embedding:
    """The table of one column."""

    type: ClassVar[str] = "embedding"
    column: str
    category: Category
    dimension: int

    @property
    def name(self) -> str:
        """The name before that of its tensor."""
        return f"embeddings.{self.column}"

    @property
    def n_outputs(self) -> int:
        """The columns of a vector."""
        return self.dimension

    def tensors(self) -> tuple[Tensor, ...]:
        """Return the table (levels, dimension) alone."""
        shape = (self.category.levels, self.dimension)
        return (Tensor(f"{self.name}.weight", shape, Role.WEIGHT),)

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:
        """Normal numbers of variance 1 / dimension; 0 for the level 0."""
        table = tensors[f"{self.name}.weight"]
        table[...] = rng.normal(0.0, math.sqrt(1.0 / self.dimension), table.shape)
        table[0] = 0.0


@dataclass(frozen=True)
class Embeddings:
    """What stands before the first layer: the other inputs in their order, vectors, waves."""

    n_inputs: int
    tables: tuple[Embedding, ...]
    numeric: NumericEmbedding | None = None

    @property
    def n_outputs(self) -> int:
        """Columns that the first layer sees."""
        vectors = sum(table.dimension for table in self.tables)
        waves = 0 if self.numeric is None else self.numeric.n_outputs
        return self.n_inputs - len(self.tables) + vectors + waves

    def parts(self) -> tuple[Embedding | NumericEmbedding, ...]:
        """Everything with tensors."""
        return self.tables if self.numeric is None else (*self.tables, self.numeric)

    def runs(self) -> tuple[slice, ...]:
        """The other inputs, as runs of columns that stand side by side."""
        coded = {table.category.index for table in self.tables}
        runs: list[slice] = []
        for column in range(self.n_inputs):
            if column in coded:
                continue
            if runs and runs[-1].stop == column:
                runs[-1] = slice(runs[-1].start, column + 1)
            else:
                runs.append(slice(column, column + 1))
        return tuple(runs)

    def on_batch(self, place: Workplace) -> EmbeddingsOnBatch:
        """All of them at work."""
        return EmbeddingsOnBatch(self, place)


def embeddings_for(
    spec: NetworkSpec,
    n_inputs: int,
    categories: Mapping[str, Category],
    numbers: Sequence[int] | None,
) -> Embeddings | None:
    """The embeddings of a network, or None. EmbeddingError for a column without codes, or twice.

    Waves are of the inputs at `numbers`, or of all that have no codes; of none there are none.
    """
    tables: dict[str, Embedding] = {}
    for number, embedding in enumerate(spec.embeddings):
        category = categories.get(embedding.column)
        if category is None:
            raise EmbeddingError(number, f"{embedding.column!r} is not among the categories")
        if not 0 <= category.index < n_inputs or category.levels < 1:
            raise EmbeddingError(number, f"{category} is not among {n_inputs} inputs")
        if any(table.category.index == category.index for table in tables.values()):
            raise EmbeddingError(number, f"{embedding.column!r} has another one before")
        tables[embedding.column] = Embedding(embedding.column, category, embedding.dimension)
    coded = {table.category.index for table in tables.values()}
    columns = tuple(
        n for n in range(n_inputs) if n not in coded and (numbers is None or n in numbers)
    )
    waves, numeric = spec.numeric_embeddings, None
    if waves is not None and columns:
        numeric = NumericEmbedding(columns, waves.frequencies, waves.dimension, waves.sigma)
    if not tables and numeric is None:
        return None
    return Embeddings(n_inputs, tuple(tables.values()), numeric)


class EmbeddingsOnBatch:
    """The embeddings at work: `da` is where the first layer leaves dL/dA."""

    def __init__(self, layer: Embeddings, place: Workplace) -> None:
        self._copyto = place.memory.xp.copyto
        self._a = place.array(layer.n_outputs)
        if place.learning:
            self.da = place.array(layer.n_outputs)
        end = 0
        self._runs: list[tuple[slice, Array]] = []
        for run in layer.runs():
            start, end = end, end + run.stop - run.start
            self._runs.append((run, self._a[..., start:end]))
        self._tables: list[_Table] = []
        for embedding in layer.tables:
            start, end = end, end + embedding.dimension
            self._tables.append(_Table(embedding, slice(start, end), place))
        self._waves = slice(end, layer.n_outputs)
        self._numeric = None if layer.numeric is None else layer.numeric.on_batch(place)

    def forward(self, X: Array) -> Array:
        """X (B, I) with codes to A (B, O) without, valid until the next call."""
        for run, columns in self._runs:
            self._copyto(columns, X[..., run])
        for table in self._tables:
            table.look_up(X, self._a)
        if self._numeric is not None:
            self._numeric.forward(X, self._a[..., self._waves])
        return self._a

    def backward(self) -> None:
        """Leave dE[level] = the sum of dA over the rows with that level, and what waves learn."""
        for table in self._tables:
            table.learn(self.da)
        if self._numeric is not None:
            self._numeric.backward(self.da[..., self._waves])


class _Table:
    """One table at work; a level is looked up and its gradient summed member by member."""

    def __init__(self, embedding: Embedding, columns: slice, place: Workplace) -> None:
        memory, n_rows = place.memory, place.rows.total
        self._xp, self._memory = memory.xp, memory
        self._index = embedding.category.index
        self._columns = columns
        self._codes: Labels = memory.xp.empty((*place.members, n_rows), np.intp)
        self._vectors = place.array(embedding.dimension)
        name = f"{embedding.name}.weight"
        self._look_ups = list(
            zip(
                each_member(place.tensors[name], 2),
                each_member(self._codes, 1),
                each_member(self._vectors, 2),
                strict=True,
            )
        )
        if place.gradients is not None:
            sums = place.gradients[name]
            self._sum = sums_by_level(self._codes, self._vectors, sums, place)

    def look_up(self, X: Array, a: Array) -> None:
        self._xp.copyto(self._codes, X[..., self._index], casting="unsafe")
        for table, codes, vectors in self._look_ups:
            self._memory.take_rows(table, codes, vectors)
        self._xp.copyto(a[..., self._columns], self._vectors)

    def learn(self, da: Array) -> None:
        self._xp.copyto(self._vectors, da[..., self._columns])
        self._sum()
