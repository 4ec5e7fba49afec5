"""Fields of a specification as a reader sees them: type, default, range, from their annotations."""

from __future__ import annotations

import types
from dataclasses import MISSING, Field, fields
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import Ge, Gt, Interval, Le, Len, Lt

from service.schemas.catalog import CatalogParameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TYPES: Mapping[Any, str] = {
    int: "integer",
    float: "number",
    bool: "boolean",
    str: "string",
    tuple: "array",
}
_BOUNDS = {
    Ge: ("ge", "minimum"),
    Gt: ("gt", "exclusive_minimum"),
    Le: ("le", "maximum"),
    Lt: ("lt", "exclusive_maximum"),
}


def parameters_of(spec: type[Any]) -> list[CatalogParameter]:
    """Return the fields of a specification in order, but for `type`, which is its name."""
    hints = get_type_hints(spec, include_extras=True)
    own = [field for field in fields(spec) if field.name != "type"]
    return [_parameter(field, hints[field.name]) for field in own]


def _parameter(field: Field[Any], hint: Any) -> CatalogParameter:
    alternatives, constraints = _taken_apart(hint)
    values = [each for each in alternatives if each is not type(None)]
    choices = [name for each in values if get_origin(each) is Literal for name in get_args(each)]
    is_required = field.default is MISSING
    plain: dict[str, Any] = {
        "name": field.name,
        "type": "string" if choices else _TYPES.get(get_origin(values[0]) or values[0], "object"),
        "required": is_required,
        "nullable": len(values) < len(alternatives),
        "default": None if is_required else _plain(field.default),
        "choices": choices or None,
    }
    for constraint in constraints:
        plain |= dict(_bounds(constraint))
    return CatalogParameter.model_validate(plain)


def _taken_apart(hint: Any) -> tuple[list[Any], list[Any]]:
    """Return the types that a hint allows, and the constraints that stand anywhere in it."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *own = get_args(hint)
        alternatives, constraints = _taken_apart(inner)
        return alternatives, [*constraints, *own]
    if origin in (Union, types.UnionType):
        parts = [_taken_apart(part) for part in get_args(hint)]
        return (
            [each for alternatives, _ in parts for each in alternatives],
            [each for _, constraints in parts for each in constraints],
        )
    return [hint], []


def _bounds(constraint: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(constraint, Interval):
        for part in constraint:
            yield from _bounds(part)
    elif isinstance(constraint, Len):
        yield "min_length", constraint.min_length
        yield "max_length", constraint.max_length
    elif type(constraint) in _BOUNDS:
        attribute, name = _BOUNDS[type(constraint)]
        yield name, getattr(constraint, attribute)


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default
