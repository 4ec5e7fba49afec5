"""What a plan's network will be at most, as far as the table's profile tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.network import Category, Network
from workers.modelling.feature_choice import input_width, width_of
from workers.tabular.splits import part_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.engine.spec import EmbeddingSpec
    from workers.modelling.plan import ModelPlan
    from workers.tabular.profile import ColumnProfile, TableProfile


def planned_network(plan: ModelPlan, profile: TableProfile) -> Network:
    """The network on the most inputs that the features can become.

    Which they become depends on the rows that train: a level may not be among them.
    """
    columns = {column.name: column for column in profile.columns}
    features = [columns[name] for name in plan.features]
    width = input_width(features, plan.embedded)
    return plan.build_network(width, _categories(features, plan.embedded))


def planned_rows(plan: ModelPlan, profile: TableProfile) -> tuple[int, int]:
    """How many rows train and how many judge: at most so many, where several targets miss cells."""
    missing = {column.name: column.missing for column in profile.columns}
    n_rows = profile.rows - max(missing[name] for name in plan.targets)
    return part_sizes(n_rows, plan.split.validation, plan.split.test)[:2]


def first_width(features: Sequence[ColumnProfile], embeddings: Sequence[EmbeddingSpec]) -> int:
    """The most columns that the first layer sees: vectors stand in place of level codes."""
    vectors = sum(embedding.dimension - 1 for embedding in embeddings)
    return input_width(features, [embedding.column for embedding in embeddings]) + vectors


def _categories(features: Sequence[ColumnProfile], embedded: Sequence[str]) -> dict[str, Category]:
    found = {}
    index = 0
    for column in features:
        is_embedded = column.name in embedded
        if is_embedded:
            found[column.name] = Category(index, column.distinct + 1)
        index += width_of(column, is_embedded=is_embedded)
    return found
