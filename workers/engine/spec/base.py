"""What every part of a specification is made of: strict dataclasses, ranges, tagged unions.

Plain frozen dataclasses, so that the engine stays free of pydantic; pydantic reads the annotations
and the `__pydantic_config__` of each class to validate requests and to write the JSON schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, get_args

from annotated_types import Ge, Gt, Interval, Le, Lt

STRICT = {"extra": "forbid", "strict": True}

Precision = Literal["float32", "float64"]

Units = Annotated[int, Interval(ge=1, le=16_384)]
Epochs = Annotated[int, Interval(ge=1, le=10_000)]
BatchSize = Annotated[int, Interval(ge=1, le=65_536)]
Steps = Annotated[int, Interval(ge=0, le=1_000_000)]
LearningRate = Annotated[float, Gt(1e-12), Le(10.0)]
DecayRate = Annotated[float, Ge(0.0), Lt(1.0)]
Fraction = Annotated[float, Ge(0.0), Le(1.0)]
Penalty = Annotated[float, Ge(0.0), Le(1e3)]
Positive = Annotated[float, Gt(0.0), Le(1e6)]
Epsilon = Annotated[float, Ge(1e-30), Le(1.0)]
"""Not 0 in either precision."""
Patience = Annotated[int, Interval(ge=1, le=10_000)]
Seed = Annotated[int, Interval(ge=0, le=2**63 - 1)]


class Formula(NamedTuple):
    """A function, its derivative and where both come from, to be read beside the code.

    `derivative` is None where there is nothing to derive (an initialiser, a schedule, a metric).
    """

    formula: str
    derivative: str | None
    source: str


class Tagged:
    """Makes pydantic choose the member of a union by one literal field, with errors for that one.

    A duck-typed hook: the returned core schema is plain data, so pydantic is not imported here.
    """

    def __init__(self, field: str) -> None:
        self._field = field

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        members = get_args(source) or (source,)
        choices = {getattr(m, self._field): handler.generate_schema(m) for m in members}
        return {"type": "tagged-union", "discriminator": self._field, "choices": choices}
