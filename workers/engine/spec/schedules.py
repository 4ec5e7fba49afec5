"""The learning-rate schedules: what the base rate is multiplied by, step by step.

t is the number of steps done before, T that of the whole run, both counted after the warm-up:
over its `warmup_steps` the rate rises linearly, (t + 1) / warmup_steps of where it is to begin.
`epoch` counts the epochs of the run, from 0: a milestone stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Interval, Le, Len, Lt

from workers.engine.spec.base import STRICT, Epochs, Formula, Fraction, Patience, Steps, Tagged

Factor = Annotated[float, Gt(0.0), Le(1.0)]


@dataclass(frozen=True, kw_only=True)
class ConstantSchedule:
    """The base rate throughout."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula("1", None, "")
    type: Literal["constant"] = "constant"
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class StepSchedule:
    """Down by `factor` every `every` epochs."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula("factor^floor(epoch / every)", None, "")
    every: Epochs
    type: Literal["step"] = "step"
    factor: Factor = 0.1
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class MultistepSchedule:
    """Down by `factor` at each of the epochs in `milestones`."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula("factor^(number of milestones <= epoch)", None, "")
    milestones: Annotated[tuple[Epochs, ...], Len(1, 100)]
    type: Literal["multistep"] = "multistep"
    factor: Factor = 0.1
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class ExponentialSchedule:
    """Down by `factor` every epoch."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula("factor^epoch", None, "")
    type: Literal["exponential"] = "exponential"
    factor: Factor = 0.95
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class CosineSchedule:
    """Half a cosine from the base rate down to `final` of it."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "final + (1 - final) (1 + cos(pi t / T)) / 2", None, "Loshchilov and Hutter 2017"
    )
    type: Literal["cosine"] = "cosine"
    final: Fraction = 0.0
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class CosineRestartsSchedule:
    """Half a cosine, begun again: the first takes `period` epochs, each next `multiplier` more."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "final + (1 - final) (1 + cos(pi u / U)) / 2, u steps into a period of U steps",
        None,
        "Loshchilov and Hutter 2017",
    )
    period: Epochs
    type: Literal["cosine_restarts"] = "cosine_restarts"
    multiplier: Annotated[int, Interval(ge=1, le=10)] = 1
    final: Fraction = 0.0
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class OneCycleSchedule:
    """From 1 / `initial_divisor` up to the base rate in `rise` of the steps, then down to nothing.

    Both ways along half a cosine; the last rate is 1 / (initial_divisor final_divisor).
    """

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "end + (start - end) (1 + cos(pi u)) / 2, u the part of the phase that is done; phases "
        "end at rise T - 1 and T - 1",
        None,
        "Smith and Topin 2018",
    )
    type: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[float, Gt(0.0), Lt(1.0)] = 0.3
    initial_divisor: Annotated[float, Ge(1.0), Le(1e6)] = 25.0
    final_divisor: Annotated[float, Ge(1.0), Le(1e12)] = 1e4
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class PolynomialSchedule:
    """Down to `final` of the base rate along a power of what is left."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula("final + (1 - final) (1 - t / T)^power", None, "")
    type: Literal["polynomial"] = "polynomial"
    power: Annotated[float, Gt(0.0), Le(10.0)] = 1.0
    final: Fraction = 0.0
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class ReduceOnPlateauSchedule:
    """Down by `factor` when the monitor has not improved for more than `patience` epochs.

    An improvement is one by more than `threshold` of the best value so far.
    """

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula("factor^(number of reductions so far)", None, "")
    type: Literal["reduce_on_plateau"] = "reduce_on_plateau"
    factor: Annotated[float, Gt(0.0), Lt(1.0)] = 0.1
    patience: Patience = 10
    threshold: Annotated[float, Ge(0.0), Lt(1.0)] = 1e-4
    final: Fraction = 0.0
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class Coslog4Schedule:
    """Four cosine waves, each twice as long as the one before."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "(1 - cos(2 pi log2(1 + 15 t / T))) / 2", None, "Holzmueller et al. 2024"
    )
    type: Literal["coslog4"] = "coslog4"
    warmup_steps: Steps = 0


@dataclass(frozen=True, kw_only=True)
class FlatCosSchedule:
    """The base rate for the `flat` part of the steps, then half a cosine down to 0."""

    __pydantic_config__ = STRICT
    formula: ClassVar[Formula] = Formula(
        "1 while t / T <= flat, then (1 + cos(pi (t / T - flat) / (1 - flat))) / 2",
        None,
        "Holzmueller et al. 2024",
    )
    type: Literal["flat_cos"] = "flat_cos"
    flat: Annotated[float, Ge(0.0), Lt(1.0)] = 0.5
    warmup_steps: Steps = 0


Schedule = Annotated[
    ConstantSchedule
    | StepSchedule
    | MultistepSchedule
    | ExponentialSchedule
    | CosineSchedule
    | CosineRestartsSchedule
    | OneCycleSchedule
    | PolynomialSchedule
    | ReduceOnPlateauSchedule
    | Coslog4Schedule
    | FlatCosSchedule,
    Tagged("type"),
]
