"""A report as short tables: figures, advice, what matters, how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from service.cli.output import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    Part = Mapping[str, Any]

_COLUMNS = 15
_CLASSES = 20


def report_summary(report: Part) -> list[RenderableType]:
    """Return what is worth reading first, from a report as it came."""
    there = [part for part in _parts(report) if part is not None]
    return [line for part in there for line in (part, Text())][:-1]


def _parts(report: Part) -> Iterator[RenderableType | None]:
    rows = report["rows"]
    yield Text(
        f"{report['task']}: {rows['train']} rows trained, {rows['validation']} validated, "
        f"{rows['test']} tested"
    )
    yield _figures(report)
    yield _folds(report.get("cross_validation"))
    yield _learning(report.get("learning"))
    yield _classes(report["test"] or report["validation"])
    yield _importance(report.get("importance"))
    yield _conformal(report.get("conformal"))
    yield _operating_points(report.get("thresholds"))


def _figures(report: Part) -> RenderableType:
    baselines = report["baselines"]
    said = [
        (f"{part} {name}".rstrip(), figures.get(part))
        for part in ("validation", "test")
        for name, figures in (("", report), *((f"({n})", b) for n, b in baselines.items() if b))
    ]
    there = [(name, figures) for name, figures in said if figures]
    measures = list(dict.fromkeys(m for _, f in there for m, x in f.items() if _is_measure(m, x)))
    return table(
        ("ROWS", *measures),
        [(name, *(_number(figures.get(m)) for m in measures)) for name, figures in there],
    )


def _is_measure(name: str, value: Any) -> bool:
    return name != "n" and isinstance(value, float | int)


def _folds(found: Part | None) -> RenderableType | None:
    if not found or not found["mean"]:
        return None
    folds = [(f"fold {f['fold']}", f["figures"]) for f in found["folds"] if f.get("figures")]
    rows = [*folds, ("mean", found["mean"]), ("std", found["std"])]
    return table(
        ("FOLDS", *found["mean"]),
        [(name, *(_number(figures.get(m)) for m in found["mean"])) for name, figures in rows],
    )


def _learning(learning: Part | None) -> RenderableType | None:
    if learning is None or "reason" in learning:
        return None
    style = "green" if learning["verdict"] == "good" else "yellow"
    losses = "  ".join(f"{name} {_number(x)}" for name, x in learning["losses"].items())
    text = Text(f"{learning['verdict']}: ", style=style)
    return text.append(f"{learning['advice']}\n  {learning['measure']}: {losses}", style="")


def _classes(figures: Part | None) -> RenderableType | None:
    rows = (figures or {}).get("classes")
    if not rows:
        return None
    names = ("precision", "recall", "f1")
    rows = sorted(rows, key=lambda row: -row["support"])[:_CLASSES]
    return table(
        ("CLASS", *names, "rows"),
        [(r["label"], *(_number(r[n]) for n in names), str(r["support"])) for r in rows],
    )


def _importance(importance: Part | None) -> RenderableType | None:
    if importance is None:
        return None
    if "reason" in importance:
        return Text(f"no importances: {importance['reason']}")
    rows = [
        (column["column"], _number(column["increase"]), _number(column["spread"]))
        for column in importance["columns"][:_COLUMNS]
    ]
    return table(("WITHOUT COLUMN", f"{importance['measure']} grows by", "+-"), rows)


def _conformal(conformal: Part | None) -> RenderableType | None:
    if conformal is None or "reason" in conformal:
        return None
    names = ("half_width", "threshold", "mean_size", "test_coverage")
    rows = list(_levels(conformal))
    there = [name for name in names if any(name in level for _, level in rows)]
    return table(
        ("HOLDS THE TRUTH", *there),
        [(name, *(_number(level[n]) for n in there)) for name, level in rows],
    )


def _levels(conformal: Part) -> Iterator[tuple[str, Part]]:
    found = conformal.get("intervals") or conformal.get("sets") or []
    by_target = found if isinstance(found, dict) else {"": found}
    for target, levels in by_target.items():
        for level in levels:
            yield f"{target} {level['level']:.0%}".strip(), level


def _operating_points(thresholds: Part | None) -> RenderableType | None:
    if thresholds is None or "reason" in thresholds:
        return None
    names = ("precision", "recall", "f1", "balanced_accuracy")
    rows = [
        (name, _number(point["threshold"]), part, *(_number(point[part][n]) for n in names))
        for name, point in thresholds["operating_points"].items()
        for part in ("validation", "test")
        if point[part] is not None
    ]
    return table((f"{thresholds['label'].upper()} FROM", "threshold", "rows", *names), rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
