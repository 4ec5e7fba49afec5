"""The OpenAPI document: FastAPI's, with what it cannot know.

Bodies are read by our own strict reader and errors made at the edge, so that FastAPI sees neither;
each route says the rest with `describe`, and `document` writes it into the document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service import VERSION
from service.api.errors import PROBLEM_TYPE, TITLES
from service.schemas.wire import ProblemDetails

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

TITLE = "Slope"
DESCRIPTION = """Neural networks, trained over HTTP, from first principles: upload a table, train
a network written from scratch, watch it learn, ask it for predictions."""

_REF = "#/components/schemas/{model}"
# What the edge may answer to any request at all, and to any that needs a key.
_ALWAYS = (400, 408, 413, 431, 500, 503)
_WITH_KEY = (401, 403, 429)


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a route adds to the document: bodies, an example answer, the problems it may answer."""

    problems: tuple[int, ...]
    example: Any
    bodies: dict[str, Any]
    is_body_required: bool
    has_key: bool


# By operation id: FastAPI would have to write it into the document itself.
_DESCRIPTIONS: dict[str, Description] = {}


def describe(
    operation_id: str,
    *,
    problems: tuple[int, ...] = (),
    example: Any = None,
    bodies: dict[str, Any] | None = None,
    is_body_required: bool = True,
    has_key: bool = True,
) -> dict[str, Any]:
    """Return the arguments of a route decorator.

    `bodies` gives the request's body by media type: `{"schema": model or schema, "example": ...}`.
    """
    _DESCRIPTIONS[operation_id] = Description(
        problems=problems,
        example=example,
        bodies=bodies or {},
        is_body_required=is_body_required,
        has_key=has_key,
    )
    return {"operation_id": operation_id}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document of the application."""
    base = get_openapi(
        title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes, tags=TAGS
    )
    operations = [operation for path in base["paths"].values() for operation in path.values()]
    models: list[type[BaseModel]] = [*_body_models(operations), ProblemDetails]
    wanted: list[tuple[type[BaseModel], Literal["validation"]]] = [
        (model, "validation") for model in models
    ]
    _, definitions = models_json_schema(wanted, ref_template=_REF)
    components = base.setdefault("components", {})
    schemas = {**definitions["$defs"], **components.get("schemas", {})}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["schemas"] = dict(sorted(schemas.items()))
    components["responses"] = {f"Problem{status}": _problem(status) for status in TITLES}
    components["securitySchemes"] = {"key": _SCHEME}
    for operation in operations:
        _complete(operation, _DESCRIPTIONS[operation["operationId"]])
    return base


TAGS = [
    {"name": "datasets", "description": "Immutable tables."},
    {"name": "networks", "description": "Specifications under a name."},
    {"name": "runs", "description": "Trainings: queued, watched, paused, repeated."},
    {"name": "models", "description": "What trainings made, and its predictions."},
    {"name": "catalog", "description": "What networks and trainings can be made of."},
    {"name": "service", "description": "Limits and health."},
]

_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of the service, and nothing else: slope_... (in embedded mode what "
    "the file `api-key` in the state folder holds).",
}


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key with the same body creates once, however often it is sent.",
}


def _body_models(operations: list[dict[str, Any]]) -> list[type[BaseModel]]:
    found = {
        id(body["schema"]): body["schema"]
        for operation in operations
        for body in _DESCRIPTIONS[operation["operationId"]].bodies.values()
        if isinstance(body["schema"], type)
    }
    return list(found.values())


def _complete(operation: dict[str, Any], about: Description) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status, response in responses.items():
        if status.startswith("2"):
            _add_common_headers(response, status)
            for content in response.get("content", {}).values():
                content.setdefault("example", about.example)
    if {"201", "202"} & set(responses):
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    always = _ALWAYS + (_WITH_KEY if about.has_key else ())
    for status in sorted({*always, *about.problems}):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})
    if about.bodies:
        content = {kind: _content(body) for kind, body in about.bodies.items()}
        operation["requestBody"] = {"required": about.is_body_required, "content": content}
    if about.has_key:
        operation["security"] = [{"key": []}]


def _add_common_headers(response: dict[str, Any], status: str) -> None:
    headers = response.setdefault("headers", {})
    headers["X-Request-Id"] = {"schema": {"type": "string"}}
    if status in {"201", "202"}:
        headers["Location"] = {"schema": {"type": "string"}}
        headers["Idempotency-Replayed"] = {"schema": {"type": "string", "enum": ["true"]}}


def _content(body: dict[str, Any]) -> dict[str, Any]:
    schema = body["schema"]
    if isinstance(schema, type):
        schema = {"$ref": _REF.format(model=schema.__name__)}
    return {"schema": schema, "example": body["example"]}


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": TITLES[status],
        "content": {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(model=ProblemDetails.__name__)}}},
        "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
    }
