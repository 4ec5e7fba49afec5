"""Which columns a model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.tabular.encoders import MAX_LEVELS
from workers.tabular.spec import CategoricalSpec, PreprocessingSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from workers.modelling.findings import Findings
    from workers.modelling.plan import Method, ModelWish
    from workers.tabular.profile import ColumnProfile, TableProfile

_NOT_READ = {
    "text": "Free text and identifiers are not read; give it the type categorical to have it read.",
    "ignore": "The column has the type ignore.",
}
DIVIDES = "The column divides the rows into parts: it is not a feature."


def choose_features(
    wish: ModelWish, profile: TableProfile, method: Method, findings: Findings
) -> tuple[ColumnProfile, ...]:
    """The features in the order of the wish, or all columns that tell something.

    Left out where the user did not name the features: text, ignored and constant columns, the
    weights of the rows, the column that divides them, and such as only count the rows unless
    nothing else is there; each with a warning.
    """
    if wish.features is None:
        chosen = _all_telling(wish, profile, findings)
        pointers = ["/features"] * len(chosen)
    else:
        places = _named(wish.features, wish, profile, findings)
        chosen = [column for _, column in places]
        pointers = [f"/features/{place}" for place, _ in places]
    if not chosen and not findings.problems:
        findings.problem("/features", "no_features", "No column is left to learn from.")
    if method == "none":
        embedded = {embedding.column for embedding in wish.embeddings}
        for pointer, column in zip(pointers, chosen, strict=True):
            if column.name not in embedded:
                _check_number(pointer, column, findings)
    return tuple(chosen)


def input_width(
    features: Sequence[ColumnProfile],
    embedded: Collection[str] = (),
    method: Method = "standard",
) -> int:
    """The most inputs that the features become, whatever rows they are fitted on."""
    width = sum(width_of(c, is_embedded=c.name in embedded, method=method) for c in features)
    if isinstance(method, PreprocessingSpec) and method.datetime.differences:
        moments = sum(column.type == "datetime" for column in features)
        width += moments * (moments - 1) // 2
    return width


def width_of(column: ColumnProfile, *, is_embedded: bool, method: Method = "standard") -> int:
    """The most inputs that a feature becomes by itself; its level's code is one."""
    if is_embedded:
        return 1
    missing = int(column.missing > 0)
    if column.type == "categorical":
        return n_levels(column, method, MAX_LEVELS) + missing
    if isinstance(method, PreprocessingSpec):
        return _width_of_number(column, missing, method)
    return 1 + missing


def n_levels(column: ColumnProfile, method: Method, most: int) -> int:
    """The most levels that a category is read as, "other" among them; `most` unless it says."""
    spec = CategoricalSpec()
    if isinstance(method, PreprocessingSpec):
        spec = method.categorical_of(column.name)
    return min(column.distinct, (spec.max_levels or most) + 1)


def _width_of_number(column: ColumnProfile, missing: int, spec: PreprocessingSpec) -> int:
    number = spec.numeric_of(column.name)
    width = 1 + (missing if number.missing_indicator else 0)
    if column.type == "boolean":
        return width
    if number.encoding == "piecewise_linear" and column.distinct > 2:
        width += min(number.bins, column.distinct - 1)
    if column.type == "datetime":
        moment = spec.datetime_of(column.name)
        parts = set(moment.parts)
        width += len(parts) + (len(parts - {"year"}) if moment.cyclic else 0)
    return width


def _all_telling(wish: ModelWish, profile: TableProfile, findings: Findings) -> list[ColumnProfile]:
    counters = {w.column for w in profile.warnings if w.code == "id_like"}
    no_features = {*wish.targets, wish.training.get("sample_weight"), wish.split.get("column")}
    chosen, dropped = [], []
    for column in profile.columns:
        if column.name in no_features:
            continue
        reason = _reason_to_drop(column, profile.rows)
        if reason is None and column.name in counters:
            reason = "The column only counts the rows."
        if reason is None:
            chosen.append(column)
        else:
            dropped.append((column, reason))
    if not chosen:
        chosen = [c for c, _ in dropped if _reason_to_drop(c, profile.rows) is None]
    for column, reason in dropped:
        if column not in chosen:
            findings.warn("feature_dropped", column.name, reason)
    return chosen


def _reason_to_drop(column: ColumnProfile, n_rows: int) -> str | None:
    if column.type in _NOT_READ:
        return _NOT_READ[column.type]
    if column.missing == n_rows:
        return "Every cell of the column is missing."
    if column.distinct < 2 and not column.missing:
        return "All rows have the same value."
    return None


def _named(
    names: tuple[str, ...], wish: ModelWish, profile: TableProfile, findings: Findings
) -> list[tuple[int, ColumnProfile]]:
    columns = {column.name: column for column in profile.columns}
    chosen = []
    for place, name in enumerate(names):
        problem = _problem_with(name, names[:place], wish, columns.get(name))
        if problem is None:
            chosen.append((place, columns[name]))
        else:
            findings.problem(f"/features/{place}", *problem)
    return chosen


def _problem_with(
    name: str, before: tuple[str, ...], wish: ModelWish, column: ColumnProfile | None
) -> tuple[str, str] | None:
    if column is None:
        return "unknown_column", "The table has no column of this name."
    if name in wish.targets:
        return "feature_is_target", "The target cannot be a feature as well."
    if name == wish.split.get("column"):
        return "feature_is_split", DIVIDES
    if name in before:
        return "duplicate_feature", "The feature is named twice."
    if column.type in _NOT_READ:
        return "feature_type", _NOT_READ[column.type]
    return None


def _check_number(pointer: str, column: ColumnProfile, findings: Findings) -> None:
    if column.type not in ("numeric", "boolean"):
        detail = (
            f"Without preprocessing only numbers and booleans can be read, and this is "
            f'{column.type}: leave it out, or take "preprocessing": "standard".'
        )
        findings.problem(pointer, "feature_type", detail)
    elif column.missing:
        detail = f"{column.missing} missing cells stand at the median of the training rows."
        findings.warn("missing_values", column.name, detail)
