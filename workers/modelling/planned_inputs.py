"""What a plan's network will be at most, as far as the table's profile tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.network import Category, Network
from workers.engine.spec import NetworkSpec
from workers.modelling.feature_choice import input_width, n_levels, width_of
from workers.tabular.splits import part_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.modelling.plan import Method, ModelPlan, ModelWish
    from workers.tabular.profile import ColumnProfile, TableProfile


def planned_network(plan: ModelPlan, profile: TableProfile) -> Network:
    """The network on the most inputs that the features can become.

    Which they become depends on the rows that train: a level may not be among them.
    """
    columns = {column.name: column for column in profile.columns}
    features = [columns[name] for name in plan.features]
    width = input_width(features, plan.embedded, plan.preprocessing)
    places = _places(features, plan)
    numbers = [place for column, place in places if is_number(column, plan.embedded)]
    return plan.build_network(width, _categories(places, plan), numbers)


def planned_rows(plan: ModelPlan, profile: TableProfile) -> tuple[int, int]:
    """How many rows train and how many judge.

    At most so many where several targets miss cells, about so many where a column divides the rows.
    """
    missing = {column.name: column.missing for column in profile.columns}
    n_rows = profile.rows - max(missing[name] for name in plan.targets)
    n_train, n_validation, _ = part_sizes(n_rows, plan.split.validation, plan.split.test)
    return max(n_train, 1), n_validation


def first_width(
    features: Sequence[ColumnProfile], network: NetworkSpec | None, method: Method = "standard"
) -> int:
    """The most columns that the first layer sees: vectors in place of codes, waves of numbers."""
    if network is None:
        return input_width(features, [], method)
    embedded = [embedding.column for embedding in network.embeddings]
    vectors = sum(embedding.dimension - 1 for embedding in network.embeddings)
    waves = 0
    if network.numeric_embeddings is not None:
        numbers = sum(is_number(column, embedded) for column in features)
        waves = numbers * (network.numeric_embeddings.dimension - 1)
    return input_width(features, embedded, method) + vectors + waves


def written_network(wish: ModelWish) -> NetworkSpec | None:
    """The network that is written out in a wish, None where a recipe makes one."""
    return wish.network if isinstance(wish.network, NetworkSpec) else None


def is_number(column: ColumnProfile, embedded: Sequence[str]) -> bool:
    """Whether the column becomes a number that can have waves."""
    return column.type in ("numeric", "datetime") and column.name not in embedded


def _places(features: Sequence[ColumnProfile], plan: ModelPlan) -> list[tuple[ColumnProfile, int]]:
    """Each feature with the place of its first input."""
    found, index = [], 0
    for column in features:
        found.append((column, index))
        is_embedded = column.name in plan.embedded
        index += width_of(column, is_embedded=is_embedded, method=plan.preprocessing)
    return found


def _categories(
    places: Sequence[tuple[ColumnProfile, int]], plan: ModelPlan
) -> dict[str, Category]:
    return {
        column.name: Category(place, 1 + n_levels(column, plan.preprocessing, column.distinct))
        for column, place in places
        if column.name in plan.embedded
    }
