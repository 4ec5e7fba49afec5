"""The catalogue on the wire: what networks and trainings can be made of."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from service.schemas.runs import Task
from service.schemas.wire import Wire

Subject = Literal[
    "activations",
    "losses",
    "optimizers",
    "schedules",
    "initializers",
    "layers",
    "metrics",
    "recipes",
    "preprocessing",
]
Default = bool | int | float | str | list[int] | None


class CatalogParameter(Wire):
    """A field of an entry: its type, whether it must be set, its default and its range."""

    name: str
    type: Literal["integer", "number", "boolean", "string", "array", "object"]
    required: bool
    nullable: bool = Field(description="Whether null is a value: mostly, without it.")
    default: Default = None
    minimum: float | int | None = Field(None, description="The least value.")
    exclusive_minimum: float | int | None = Field(None, description="Values are above it.")
    maximum: float | int | None = Field(None, description="The largest value.")
    exclusive_maximum: float | int | None = Field(None, description="Values are below it.")
    min_length: int | None = None
    max_length: int | None = None
    choices: list[str] | None = Field(None, description="The values that there are.")


class CatalogEntry(Wire):
    """One thing by its name: what it computes, from where it comes, how it is set, where it fits.

    What does not apply to a subject is null: a schedule has no derivative, an optimiser fits all.
    """

    name: str
    description: str
    formula: str | None
    derivative: str | None = None
    source: str | None = None
    parameters: list[CatalogParameter] = Field([])
    tasks: list[Task] = Field(description="The tasks for which it can be taken.")
    places: list[Literal["hidden", "output"]] | None = Field(
        None, description="Of an activation: the layers that can have it."
    )
    outputs: list[str] | None = Field(
        None, description="Of a loss: the output activations that it goes with."
    )
    losses: list[str] | None = Field(
        None, description="Of an activation: the losses that it goes with as an output."
    )
    default_of: list[str] | None = Field(
        None, description="Of an initialiser: the activations whose layers start with it."
    )
    better: Literal["min", "max"] | None = Field(
        None, description="Of a metric: which way is better."
    )
