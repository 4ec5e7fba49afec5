"""A prediction request from its bytes to the bytes of its answer.

Without pydantic and without a model of the wire: a request of one row is read, answered and
written in a fraction of the time that building such models takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from service.api import strict_json
from service.api.bodies import check_media_type, receive_body
from service.errors import InvalidRequestError, Problem

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from service.api.parts import Parts
    from service.usecases.model_cache import LoadedModel
    from workers.modelling.fitted import Predictions as Answers

JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"
NPY_TYPE = "application/x-npy"
# Beyond this, other requests would notice how long the event loop is busy with one.
_INLINE_BYTES = 8 * 1024


async def predict(parts: Parts, scope: Scope, receive: Receive, ref: str) -> bytes:
    """Return the JSON answer to a prediction request.

    Raises:
        SlopeError: as the use case, the gate and the readers of bodies do.
    """
    principal = await parts.gate.admit(scope, "read")
    media_type = _media_type(scope)
    body = await receive_body(receive, parts.limits.json_bytes)
    model = parts.predictions.recall(principal.project_id, ref)
    if model is None:
        model = await run_in_threadpool(parts.predictions.find, principal.project_id, ref)
    if media_type == JSON_TYPE and len(body) <= _INLINE_BYTES:
        return _answer(parts, model, media_type, body)
    return await run_in_threadpool(_answer, parts, model, media_type, body)


def _media_type(scope: Scope) -> str:
    headers = scope["headers"]
    # The common case, without parsing.
    if (b"content-type", b"application/json") in headers and not any(
        name == b"content-encoding" for name, _ in headers
    ):
        return JSON_TYPE
    return check_media_type(Headers(scope=scope), (JSON_TYPE, CSV_TYPE, NPY_TYPE))


def _answer(parts: Parts, model: LoadedModel, media_type: str, body: bytes) -> bytes:
    if media_type == CSV_TYPE:
        return _written(model.id, parts.predictions.answer_csv(model, body))
    if media_type == NPY_TYPE:
        return _written(model.id, parts.predictions.answer_npy(model, body))
    request = strict_json.read(body, parts.limits)
    if type(request) is not dict:
        raise InvalidRequestError([Problem("", "object_expected", "Send a JSON object.")])
    return _written(model.id, parts.predictions.answer(model, request))


def _written(model_id: str, answers: Answers) -> bytes:
    warnings = [
        {"row": w.row, "column": w.column, "code": w.code, "used": w.used} for w in answers.warnings
    ]
    document = {
        "model_id": model_id,
        "predictions": _predictions(answers),
        "warnings": warnings,
    }
    return orjson.dumps(document)


def _predictions(answers: Answers) -> list[dict[str, Any]]:
    if answers.values is not None and answers.targets is not None:
        names = answers.targets
        return [{"values": dict(zip(names, row, strict=True))} for row in answers.values.tolist()]
    if answers.values is not None:
        return [{"value": value} for value in answers.values.tolist()]
    if answers.probabilities is None or answers.labels is None or answers.classes is None:
        raise ValueError("a classification has labels and probabilities")
    found = []
    for label, row in zip(answers.labels, answers.probabilities.tolist(), strict=True):
        probabilities = dict(zip(answers.classes, row, strict=True))
        found.append(
            {
                "label": label,
                "probability": probabilities[label],
                "probabilities": probabilities,
            }
        )
    return found
