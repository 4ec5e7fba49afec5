"""Pydantic's errors as the contract's: a pointer into the request, a stable code, a limit.

Nothing of the input is repeated: pydantic's words are replaced where they quote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.api.strict_json import join_pointer
from service.errors import MAX_PROBLEMS, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_CODES = {
    "missing": ("missing", "This field is required."),
    "missing_argument": ("missing", "This field is required."),
    "missing_keyword_only_argument": ("missing", "This field is required."),
    "extra_forbidden": ("extra_forbidden", "There is no such field."),
    "unexpected_keyword_argument": ("extra_forbidden", "There is no such field."),
    "string_type": ("string_expected", "Send a string."),
    "int_type": ("integer_expected", "Send an integer."),
    "int_from_float": ("integer_expected", "Send an integer."),
    "int_parsing": ("integer_expected", "Send an integer."),
    "int_parsing_size": ("out_of_range", "An integer must fit 64 bits."),
    "float_type": ("number_expected", "Send a number."),
    "float_parsing": ("number_expected", "Send a number."),
    "bool_type": ("boolean_expected", "Send true or false."),
    "bool_parsing": ("boolean_expected", "Send true or false."),
    "list_type": ("array_expected", "Send an array."),
    "tuple_type": ("array_expected", "Send an array."),
    "dict_type": ("object_expected", "Send an object."),
    "model_type": ("object_expected", "Send an object."),
    "dataclass_type": ("object_expected", "Send an object."),
    "cell_type": ("cell_expected", "Send a number, a text, true, false or null."),
    "none_required": ("null_expected", "Send null."),
}
# Kind of a bound in pydantic's context, with the words for it.
_BOUNDS = {
    "ge": "at least",
    "gt": "greater than",
    "le": "at most",
    "lt": "less than",
}
_UNKNOWN = {
    "layers": "unknown_layer",
    "activation": "unknown_activation",
    "loss": "unknown_loss",
    "optimizer": "unknown_optimizer",
    "schedule": "unknown_schedule",
    "initializer": "unknown_initializer",
    "network": "unknown_recipe",
}


def problems_of(error: ValidationError, value: Any) -> list[Problem]:
    """Return what is wrong with the raw `value` that was refused, in its order."""
    details = error.errors(include_url=False, include_input=False)
    # Items that were refused are not counted, so that a list of them is too short as well.
    inside = {detail["loc"][:-1] for detail in details}
    told = [d for d in details if d["type"] != "too_short" or d["loc"] not in inside]
    return [_problem(detail, value) for detail in told[:MAX_PROBLEMS]]


def query_problems(details: Sequence[Any]) -> list[Problem]:
    """Return what is wrong with the parameters of an address, by FastAPI's account of it."""
    return [
        _problem(detail | {"loc": detail["loc"][1:]}, None) for detail in details[:MAX_PROBLEMS]
    ]


def _problem(detail: ErrorDetails, value: Any) -> Problem:
    path = _path(detail["loc"], value)
    pointer = _pointer(path)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _CODES:
        return Problem(pointer, *_CODES[kind])
    if kind == "string_pattern_mismatch":
        return Problem(pointer, "bad_format", f"The string must match {context['pattern']}.")
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _tag_problem(kind, path, context)
    if kind == "literal_error":
        allowed = str(context["expected"])
        return Problem(pointer, _unknown(path), f"Use one of: {_listed(allowed)}.")
    for name, words in _BOUNDS.items():
        if name in context:
            limit = context[name]
            return Problem(pointer, "out_of_range", f"The value must be {words} {limit}.", limit)
    return _length_problem(pointer, path, context) or Problem(
        pointer, "invalid_value", "The value cannot be used."
    )


def _tag_problem(kind: str, path: Sequence[str | int], context: dict[str, Any]) -> Problem:
    field = str(context["discriminator"]).strip("'")
    pointer = _pointer([*path, field])
    if kind == "union_tag_not_found":
        return Problem(pointer, "missing", "This field is required.")
    allowed = str(context["expected_tags"])
    return Problem(pointer, _unknown(path), f"Use one of: {_listed(allowed)}.")


def _length_problem(
    pointer: str, path: Sequence[str | int], context: dict[str, Any]
) -> Problem | None:
    is_layers = bool(path) and path[-1] == "layers"
    if "max_length" in context:
        limit = context["max_length"]
        code = "layers_count" if is_layers else "too_long"
        return Problem(pointer, code, f"The length must be at most {limit}.", limit)
    if "min_length" in context:
        limit = context["min_length"]
        code = "layers_count" if is_layers else "too_short"
        return Problem(pointer, code, f"The length must be at least {limit}.", limit)
    return None


def _unknown(path: Sequence[str | int]) -> str:
    names = [item for item in path if isinstance(item, str)]
    return _UNKNOWN.get(names[-1], "unknown_value") if names else "unknown_value"


def _listed(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")


def _path(location: Sequence[str | int], value: Any) -> list[str | int]:
    """Follow pydantic's location through the raw value, leaving out the names of union members."""
    path: list[str | int] = []
    here = value
    for position, step in enumerate(location):
        is_last = position == len(location) - 1
        if isinstance(step, str) and _is_member_name(step, here, is_last=is_last):
            continue
        path.append(step)
        here = _inside(here, step)
    return path


def _is_member_name(step: str, here: Any, *, is_last: bool) -> bool:
    if step == "[key]" or (step.startswith("<") and step.endswith(">")):
        return not (isinstance(here, dict) and step in here)
    return isinstance(here, dict) and here.get("type") == step and not is_last


def _inside(here: Any, step: str | int) -> Any:
    if isinstance(here, dict):
        return here.get(str(step))
    if isinstance(here, list) and isinstance(step, int) and step < len(here):
        return here[step]
    return None


def _pointer(path: Sequence[str | int]) -> str:
    pointer = ""
    for step in path:
        pointer = join_pointer(pointer, str(step))
    return pointer
