"""Networks over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Response

from service.api import examples
from service.api.auth import Reader, Writer
from service.api.bodies import Body, json_body
from service.api.creation import Creation, IdempotencyKey
from service.api.openapi import describe
from service.api.paging import Paged
from service.api.parts import Given, Parts
from service.api.paths import NetworkId
from service.schemas.networks import Network, NetworkCreate, NetworkValidate, NetworkValidation
from service.schemas.wire import Page
from service.usecases.idempotency import IdempotencyClaim

router = APIRouter(prefix="/v1/networks", tags=["networks"])


@router.post(
    "", status_code=201, response_model=Network, summary="Keep a network",
    **describe(
        "networks_create", problems=(409, 415, 422), example=examples.NETWORK,
        bodies={"application/json": {"schema": NetworkCreate, "example": examples.NETWORK_CREATE}},
    ),
)  # fmt: skip
def create_network(
    parts: Given,
    principal: Writer,
    key: IdempotencyKey,
    body: Annotated[Body[NetworkCreate], json_body(NetworkCreate)],
) -> Response:
    """Keep a network under a name."""
    creation = Creation(parts, principal, key, body.fingerprint)
    create = partial(_create, parts, principal.project_id, body.value)
    return creation.answer(201, "/v1/networks", create)


def _create(
    parts: Parts, project_id: str, wish: NetworkCreate, claim: IdempotencyClaim | None
) -> Network:
    return parts.networks.create(project_id, wish, idempotency=claim)


@router.post(
    "/validate", summary="Look at a network without keeping it",
    **describe(
        "networks_validate", problems=(404, 415, 422), example=examples.VALIDATION,
        bodies={"application/json": {"schema": NetworkValidate,
                                     "example": examples.NETWORK_VALIDATE}},
    ),
)  # fmt: skip
def validate_network(
    parts: Given,
    principal: Reader,
    body: Annotated[Body[NetworkValidate], json_body(NetworkValidate)],
) -> NetworkValidation:
    """Return the network with every default filled in, its shapes, its size and its cost."""
    return parts.networks.validate(principal.project_id, body.value)


@router.get(
    "", summary="List networks",
    **describe("networks_list", problems=(422,), example=examples.page(examples.NETWORK)),
)  # fmt: skip
def list_networks(parts: Given, principal: Reader, query: Paged) -> Page[Network]:
    """Return networks, newest first."""
    page = query.checked("net", parts.limits)
    return parts.networks.list(principal.project_id, limit=page.limit, after=page.after)


@router.get(
    "/{network_id}", summary="Look at a network",
    **describe("networks_get", problems=(404,), example=examples.NETWORK),
)  # fmt: skip
def get_network(parts: Given, principal: Reader, network_id: NetworkId) -> Network:
    """Return a network."""
    return parts.networks.get(principal.project_id, network_id)


@router.delete(
    "/{network_id}", status_code=204, summary="Delete a network",
    **describe("networks_delete", problems=(404,)),
)  # fmt: skip
def delete_network(parts: Given, principal: Writer, network_id: NetworkId) -> None:
    """Delete a network; runs keep the specification that they were given."""
    parts.networks.delete(principal.project_id, network_id)
