"""Routes of the contract that this version does not have yet: named, and refused as such."""

from fastapi import APIRouter

from service.api.auth import Reader
from service.errors import NotBuiltError, Problem

router = APIRouter(include_in_schema=False)

ANY = ("GET", "POST", "PUT", "PATCH", "DELETE")

NOT_BUILT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("/v1/models/{ref}/aliases", ("GET",)),
    ("/v1/models/{ref}/aliases/{alias}", ("GET", "PUT", "DELETE")),
    ("/v1/models/{ref}/aliases/{alias}/{move}", ("GET", "POST")),
    ("/v1/models/{ref}/batch-predictions", ("POST",)),
    ("/v1/models/{ref}/export", ("GET",)),
    ("/v2", ANY),
    ("/v2/{rest:path}", ANY),
    ("/metrics", ("GET",)),
)


async def _refuse(_: Reader) -> None:
    raise NotBuiltError([Problem("", "not_built", "This part of the contract is not built yet.")])


for _path, _methods in NOT_BUILT:
    router.add_api_route(_path, _refuse, methods=list(_methods))
