"""What the contract names and this version does not have yet, as data.

A wish for one of these is answered with 422 `not_built` before the request is validated, never
ignored. A value that means "without it" (null, 0, "auto") is accepted and left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.errors import Problem

Without = tuple[int | float | str | None, ...]

# No list of parts may be longer; one that is goes on to its refusal without being looked through.
MAX_ITEMS = 1000

RECIPES = frozenset(("realmlp",))


@dataclass(frozen=True)
class Part:
    """One object of a request: the names in it that are for later.

    `fields` maps a field to the values that mean "without it"; `values` a field to the values
    that are for later; `parts` leads into objects, and into every object of a list.
    """

    fields: Mapping[str, Without] = field(default_factory=dict)
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)


RUN = Part(values={"network": RECIPES})


def find_not_built(value: Any, part: Part, pointer: str = "") -> Iterator[Problem]:
    """Yield a problem for everything in a request's raw value that is for a later version."""
    if isinstance(value, list) and len(value) <= MAX_ITEMS:
        for index, item in enumerate(value):
            yield from find_not_built(item, part, f"{pointer}/{index}")
    elif isinstance(value, dict):
        yield from _find_in_object(value, part, pointer)


def leave_out(value: Any, part: Part) -> Any:
    """Return the value without the fields that say "without it"."""
    if isinstance(value, list) and len(value) <= MAX_ITEMS:
        return [leave_out(item, part) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: leave_out(item, part.parts[name]) if name in part.parts else item
        for name, item in value.items()
        if name not in part.fields
    }


def _find_in_object(value: dict[str, Any], part: Part, pointer: str) -> Iterator[Problem]:
    for name in part.fields.keys() & value.keys():
        if not _is_without(value[name], part.fields[name]):
            yield _problem(f"{pointer}/{name}")
    for name in part.values.keys() & value.keys():
        if isinstance(value[name], str) and value[name] in part.values[name]:
            yield _problem(f"{pointer}/{name}")
    for name in part.parts.keys() & value.keys():
        yield from find_not_built(value[name], part.parts[name], f"{pointer}/{name}")


def _is_without(value: Any, without: Without) -> bool:
    # By type too: False equals 0.
    return any(type(value) is type(choice) and value == choice for choice in without)


def _problem(pointer: str) -> Problem:
    detail = "This part of the contract is not built yet."
    return Problem(pointer, "not_built", detail)
