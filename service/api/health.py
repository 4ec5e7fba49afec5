"""Is the process alive, is the service ready, how does its work go, what are its limits."""

import anyio
from fastapi import APIRouter, Response

from service.api import examples
from service.api.auth import Reader
from service.api.openapi import describe
from service.api.parts import Given
from service.schemas.service import LimitInfo, Live, Ready, ServiceStatus

router = APIRouter(tags=["service"])

# A part that does not answer in time is not there; the check itself goes on in its thread.
CHECK_SECONDS = 1.5


@router.get(
    "/livez", summary="Is the process alive",
    **describe("livez", example={"status": "ok"}, has_key=False),
)  # fmt: skip
async def livez() -> Live:
    """Answer at all: for balancers and containers, which must not drain for a dead Redis."""
    return Live()


@router.get(
    "/readyz", summary="Is the service ready", responses={503: {"model": Ready}},
    **describe("readyz", example=examples.READY, has_key=False),
)  # fmt: skip
async def readyz(parts: Given, response: Response) -> Ready:
    """Name what is missing of the database, the broker and the workers."""
    missing: list[str] = []
    checks = parts.health.checks

    async def look(name: str) -> None:
        present = False
        with anyio.move_on_after(CHECK_SECONDS):
            present = await anyio.to_thread.run_sync(checks[name], abandon_on_cancel=True)
        if not present:
            missing.append(name)

    async with anyio.create_task_group() as group:
        for name in checks:
            group.start_soon(look, name)
    response.status_code = 503 if missing else 200
    return Ready(status="unavailable" if missing else "ok", missing=sorted(missing))


@router.get(
    "/v1/status", summary="How the service stands",
    **describe("status_get", example=examples.STATUS),
)  # fmt: skip
def get_status(parts: Given, caller: Reader) -> ServiceStatus:
    """Return which parts are there, how long runs of the project wait, who trains them."""
    return parts.health.status(caller.project_id)


@router.get(
    "/v1/limits", summary="The limits of this service",
    **describe("limits_get", example=examples.LIMITS),
)  # fmt: skip
async def get_limits(parts: Given, _: Reader) -> dict[str, LimitInfo]:
    """Return every limit that guards a route, by name."""
    fields = type(parts.limits).model_fields
    return {
        name: LimitInfo(value=getattr(parts.limits, name), description=field.description or "")
        for name, field in fields.items()
    }
