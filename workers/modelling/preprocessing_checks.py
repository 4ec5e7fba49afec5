"""Whether a specification of the preprocessing fits the columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.tabular.curves import MAX_REFERENCES
from workers.tabular.differences import MAX_MOMENTS
from workers.tabular.prediction_input import pointer_part
from workers.tabular.spec import FIELDS_OF, PreprocessingSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workers.modelling.findings import Findings
    from workers.modelling.plan import Method, ModelWish
    from workers.tabular.profile import ColumnProfile, TableProfile

MAX_FITTED = 1_000_000
"""How many quantiles a model may hold: they are stored with it, and read before it predicts."""


def check_preprocessing(
    method: Method,
    wish: ModelWish,
    features: Sequence[ColumnProfile],
    profile: TableProfile,
    findings: Findings,
) -> None:
    """Note columns that are not there or not of the type, and what a model cannot hold."""
    if not isinstance(method, PreprocessingSpec):
        return
    embedded = {embedding.column for embedding in wish.embeddings}
    read = {column.name for column in features}
    for name in method.columns:
        column = profile.column(name)
        pointer = f"/preprocessing/columns/{pointer_part(name)}"
        if column is None:
            findings.problem(pointer, "unknown_column", "The table has no column of this name.")
        elif name not in read:
            detail = "It has a preprocessing of its own, and is not read."
            findings.warn("no_effect", name, detail)
        else:
            for field, detail in _idle(method, column, is_embedded=name in embedded):
                findings.problem(f"{pointer}/{field}", "feature_type", detail)
    _check_size(method, features, profile, findings)


def _idle(
    spec: PreprocessingSpec, column: ColumnProfile, *, is_embedded: bool
) -> Iterator[tuple[str, str]]:
    """The fields set for a column that its type does not go by, with words for it."""
    # The two levels of a boolean are never rare.
    is_whole = is_embedded and column.type == "boolean"
    allowed = () if is_whole else FIELDS_OF[column.type]
    for field in spec.columns[column.name].chosen():
        if field not in allowed:
            names = ", ".join(allowed) or "nothing here"
            yield field, f"The column is {column.type}, which goes by: {names}."


def _check_size(
    spec: PreprocessingSpec,
    features: Sequence[ColumnProfile],
    profile: TableProfile,
    findings: Findings,
) -> None:
    moments = sum(column.type == "datetime" for column in features)
    if spec.datetime.differences and moments > MAX_MOMENTS:
        detail = f"{moments} columns of moments have too many differences."
        findings.problem(
            "/preprocessing/datetime/differences", "too_many_columns", detail, MAX_MOMENTS
        )
    fitted = sum(_n_fitted(spec, column, profile.rows) for column in features)
    if fitted > MAX_FITTED:
        detail = f"Quantiles of that many columns are up to {fitted} numbers in the model."
        findings.problem("/preprocessing/numeric", "too_many_quantiles", detail, MAX_FITTED)


def _n_fitted(spec: PreprocessingSpec, column: ColumnProfile, n_rows: int) -> int:
    if column.type not in ("numeric", "datetime"):
        return 0
    number = spec.numeric_of(column.name)
    references = min(MAX_REFERENCES, n_rows) if number.scaling == "quantile" else 0
    edges = min(number.bins + 1, n_rows) if number.encoding == "piecewise_linear" else 0
    return references + edges
