"""Models over HTTP."""

from fastapi import APIRouter, Request, Response

from service.api import examples
from service.api.auth import Reader
from service.api.openapi import describe
from service.api.paging import Paged
from service.api.parts import Given
from service.api.predicting import CSV_TYPE, JSON_TYPE, NPY_TYPE, predict
from service.schemas.models import Model, PredictRequest, PredictResponse
from service.schemas.wire import Page

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get(
    "", summary="List models",
    **describe("models_list", problems=(422,), example=examples.page(examples.MODEL)),
)  # fmt: skip
def list_models(parts: Given, principal: Reader, query: Paged) -> Page[Model]:
    """Return models, newest first."""
    page = query.checked("mdl", parts.limits)
    return parts.reports.list(principal.project_id, limit=page.limit, after=page.after)


@router.get(
    "/{ref}", summary="Look at a model",
    **describe("models_get", problems=(404, 422), example=examples.MODEL),
)  # fmt: skip
def get_model(parts: Given, principal: Reader, ref: str) -> Model:
    """Return a model by id, by name (its latest version) or as `name:version`."""
    return parts.reports.get(principal.project_id, ref)


@router.post(
    "/{ref}/predict", summary="Predict", response_model=PredictResponse,
    **describe(
        "models_predict", problems=(404, 415, 422), example=examples.PREDICTIONS,
        bodies={
            JSON_TYPE: {"schema": PredictRequest, "example": examples.PREDICT},
            CSV_TYPE: {"schema": {"type": "string"}, "example": examples.PREDICT_CSV},
            NPY_TYPE: {"schema": {"type": "string", "format": "binary"},
                       "example": "what numpy.save wrote"},
        },
    ),
)  # fmt: skip
async def predict_rows(request: Request, parts: Given, ref: str) -> Response:
    """Predict rows given by feature name, or inputs in the order of the model's features.

    CSV is read by the names in its header, and may still hold the target: it is not read. An NPY
    array has the features in their order, and NaN where a value is missing.
    """
    body = await predict(parts, request.scope, request.receive, ref)
    return Response(body, media_type=JSON_TYPE)
