"""Which columns the network reads as levels, each with a learned vector of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.engine.spec import EmbeddingSpec
    from workers.modelling.findings import Findings
    from workers.tabular.profile import ColumnProfile, TableProfile

_EMBEDDABLE = ("categorical", "boolean")


def check_embeddings(
    embeddings: Sequence[EmbeddingSpec],
    features: Sequence[ColumnProfile],
    profile: TableProfile,
    findings: Findings,
) -> None:
    """Note embeddings of columns that the model does not read, or not as levels."""
    check_repetition(embeddings, findings)
    read = {column.name for column in features}
    for place in _first_places(embeddings):
        column = profile.column(embeddings[place].column)
        problem = _problem_with(column, column is not None and column.name in read)
        if problem is not None:
            findings.problem(f"/network/embeddings/{place}/column", *problem)


def check_repetition(embeddings: Sequence[EmbeddingSpec], findings: Findings) -> None:
    """Note columns that are to have more than one embedding."""
    for place in sorted(set(range(len(embeddings))) - set(_first_places(embeddings))):
        detail = "The column has an embedding already."
        findings.problem(f"/network/embeddings/{place}/column", "duplicate_embedding", detail)


def _first_places(embeddings: Sequence[EmbeddingSpec]) -> list[int]:
    names = [embedding.column for embedding in embeddings]
    return [place for place, name in enumerate(names) if name not in names[:place]]


def _problem_with(column: ColumnProfile | None, is_read: bool) -> tuple[str, str] | None:
    if column is None:
        return "unknown_column", "The table has no column of this name."
    if column.type not in _EMBEDDABLE:
        detail = f"Levels have embeddings, and this column is {column.type}: give it the type "
        return "feature_type", detail + "categorical to have each of its values read as a level."
    if not is_read:
        return "not_a_feature", "The column is none of the features that the model reads."
    return None
