"""The catalogue as the specification declares it: every member of every union, every name."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, get_args

from workers.engine import spec

ACTIVATIONS: tuple[str, ...] = get_args(spec.Activation)
POINTWISE: tuple[spec.PointwiseActivation, ...] = get_args(spec.PointwiseActivation)
OUTPUT_ACTIVATIONS: tuple[str, ...] = get_args(spec.OutputActivation)
INITIALIZERS: tuple[str, ...] = get_args(spec.Initializer)
MONITORS: tuple[str, ...] = get_args(spec.Monitor)


def members(union: Any) -> tuple[type[Any], ...]:
    """The dataclasses of a tagged union such as `spec.Loss`."""
    return get_args(get_args(union)[0])


LAYERS = members(spec.Layer)
LOSSES = members(spec.Loss)
OPTIMIZERS = members(spec.Optimizer)
SCHEDULES = members(spec.Schedule)


def knobs(member: type[Any]) -> set[str]:
    """The fields of a specification that somebody can turn; its `type` says only which it is."""
    return {field.name for field in fields(member)} - {"type"}


def turned(value: Any) -> set[str]:
    """The fields that `value` sets to something else than their default, or that have none."""
    return {
        field.name
        for field in fields(value)
        if field.default is MISSING or getattr(value, field.name) != field.default
    } - {"type"}
