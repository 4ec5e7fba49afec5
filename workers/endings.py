"""How an attempt ends: the state of its training as an outcome for the ledger."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from service.usecases.claims import ModelParts, NewCheckpoint, NewEvent, Outcome
from workers.modelling.codec import model_to_bytes
from workers.modelling.divergence_advice import suggest
from workers.modelling.evaluation import Course, report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from service.schemas.runs import RunSpec, StopReason
    from workers.engine.training import Divergence
    from workers.fit import Fit
    from workers.modelling.estimator import FittedModel, Prepared
    from workers.recorder import Recorder

Interruption = Literal["cancel", "deadline", "stop", "pause", "drain", "budget"]

_INTERRUPTED: dict[Interruption | None, StopReason] = {"budget": "budget", "stop": "user_stop"}
_REASONS: dict[str, StopReason] = {
    "max_epochs": "max_epochs",
    "early_stopping": "early_stopping",
}


def outcome_of(
    spec: RunSpec,
    prepared: Prepared,
    fit: Fit,
    recorder: Recorder,
    interruption: Interruption | None,
    cross_validation: Mapping[str, Any] | None = None,
) -> Outcome:
    """Return the end that a training came to, with everything that was not written yet."""
    if interruption == "cancel":
        last = recorder.saved_part(fit)
        return Outcome(status="cancelled", stop_reason="user_cancel", last=last)
    if interruption == "deadline":
        return Outcome(
            status="failed",
            stop_reason="deadline_exceeded",
            error="The run was not finished by its deadline.",
            last=recorder.saved_part(fit),
        )
    if fit.divergence is not None:
        return _diverged(fit.divergence, prepared, fit, recorder)
    reason = _INTERRUPTED.get(interruption) or _REASONS[fit.stop_reason or ""]
    return _succeeded(spec, prepared, fit, recorder, reason, cross_validation)


def _succeeded(
    spec: RunSpec,
    prepared: Prepared,
    fit: Fit,
    recorder: Recorder,
    reason: StopReason,
    cross_validation: Mapping[str, Any] | None,
) -> Outcome:
    parameters = fit.final_parameters()
    weights = fit.weights(parameters)
    final = NewCheckpoint(
        kind="final",
        epoch=fit.best_epoch if fit.restores_best else fit.epoch,
        step=fit.step,
        # Where training stands and not whose weights these are: for a run that continues this one.
        state=fit.state(),
        weights=weights,
        is_best=fit.restores_best or fit.is_best_epoch,
    )
    fitted = fit.fitted(parameters)
    figures = report(fitted, prepared, _course(spec, fit, reason))
    if cross_validation is not None:
        figures["cross_validation"] = cross_validation
    return Outcome(
        status="stopped" if reason == "user_stop" else "succeeded",
        stop_reason=reason,
        model=_model_parts(fitted, figures),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        report=figures,
        last=recorder.part(fit, checkpoint=final),
    )


def _course(spec: RunSpec, fit: Fit, reason: StopReason) -> Course:
    schedule = spec.training.schedule
    return Course(
        epochs=fit.epoch,
        best_epoch=fit.best_epoch or None,
        stop_reason=reason,
        anneals=schedule is not None and schedule.type != "constant",
    )


def _diverged(at: Divergence, prepared: Prepared, fit: Fit, recorder: Recorder) -> Outcome:
    suggestion = suggest(prepared, at)
    norm = at.norm if math.isfinite(at.norm) else None
    message = (
        f"Training diverged in epoch {at.epoch}, step {at.step}: {at.tensor} is not finite"
        f"{'' if norm is None else f', the norm of what is finite in it is {norm:.3g}'}. "
        f"{suggestion.detail}"
    )
    place = {"epoch": at.epoch, "step": at.step, "tensor": at.tensor, "norm": norm}
    event = NewEvent(
        "divergence.detected",
        message,
        level="error",
        data={**place, "suggestion": asdict(suggestion)},
    )
    # The engine has gone back to the last epoch that was finite. There is no state: what the
    # optimiser remembers is not finite, or about to be.
    weights = fit.weights(fit.epoch_parameters())
    final = NewCheckpoint(
        kind="final",
        epoch=fit.epoch,
        step=fit.step,
        weights=weights,
        is_best=fit.is_best_epoch,
    )
    return Outcome(
        status="failed",
        stop_reason="diverged",
        error=message,
        last=recorder.part(fit, checkpoint=final, events=(event,)),
    )


def _model_parts(fitted: FittedModel, figures: Mapping[str, Any]) -> ModelParts:
    validation = figures["validation"] or {}
    return ModelParts(
        data=model_to_bytes(fitted),
        target=fitted.target_name,
        task=fitted.task,
        features=tuple((feature.name, feature.type) for feature in fitted.features),
        classes=fitted.classes,
        parameters=fitted.parameters.size,
        metrics={f"val_{name}": f for name, f in validation.items() if isinstance(f, float)},
    )
