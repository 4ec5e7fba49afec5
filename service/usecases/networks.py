"""Networks: specifications under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from service.errors import InvalidRequestError, NotFoundError, Problem
from service.ids import has_shape, new_id
from service.schemas.networks import Network, NetworkIn, NetworkValidation
from service.schemas.wire import Page
from service.store.tables import DatasetRow, NetworkRow
from service.usecases.idempotency import fulfil
from service.usecases.network_validation import validate
from service.usecases.paging import DEFAULT_LIMIT, newest_first
from service.usecases.workers import Workers
from workers.engine.speed import Speed
from workers.modelling.findings import Findings
from workers.modelling.hidden_layers import check_residuals
from workers.tabular.profile import TableProfile

if TYPE_CHECKING:
    from service.schemas.networks import NetworkCreate, NetworkValidate
    from service.settings import Limits
    from service.store.db import Sessions
    from service.usecases.idempotency import IdempotencyClaim


class Networks:
    """A user's moves with networks."""

    def __init__(self, sessions: Sessions, limits: Limits) -> None:
        self._sessions = sessions
        self._limits = limits

    def create(
        self,
        project_id: str,
        wish: NetworkCreate,
        *,
        idempotency: IdempotencyClaim | None = None,
    ) -> Network:
        """Keep a network.

        Raises:
            InvalidRequestError: layers that go together on no table.
        """
        _check_layers(wish)
        with self._sessions.begin() as session:
            row = NetworkRow(
                id=new_id("net"),
                project_id=project_id,
                name=wish.name,
                spec=wish.model_dump_json(),
            )
            session.add(row)
            session.flush()
            session.refresh(row)
            network = _network(row)
            location = f"/v1/networks/{row.id}"
            fulfil(session, idempotency, status=201, resource=network, location=location)
            return network

    def get(self, project_id: str, network_id: str) -> Network:
        """Return a network.

        Raises:
            NotFoundError: no such network in this project.
        """
        _check_shape(network_id)
        query = select(NetworkRow).where(
            NetworkRow.project_id == project_id, NetworkRow.id == network_id
        )
        with self._sessions.read() as session:
            row = session.scalar(query)
            if row is None:
                raise NotFoundError("network")
            return _network(row)

    def list(
        self, project_id: str, *, limit: int = DEFAULT_LIMIT, after: str | None = None
    ) -> Page[Network]:
        """Return networks, newest first."""
        query = select(NetworkRow).where(NetworkRow.project_id == project_id)
        with self._sessions.read() as session:
            rows, following = newest_first(
                session, query, NetworkRow.id, prefix="net", limit=limit, after=after
            )
            return Page(data=[_network(row) for row in rows], next=following)

    def delete(self, project_id: str, network_id: str) -> None:
        """Delete a network; runs keep the specification that they were given.

        Raises:
            NotFoundError: no such network in this project.
        """
        _check_shape(network_id)
        gone = delete(NetworkRow).where(
            NetworkRow.project_id == project_id, NetworkRow.id == network_id
        )
        with self._sessions.begin() as session:
            if session.execute(gone.returning(NetworkRow.id)).first() is None:
                raise NotFoundError("network")

    def validate(self, project_id: str, wish: NetworkValidate) -> NetworkValidation:
        """Return what a network would be, against a dataset where one is named; keep nothing.

        Raises:
            NotFoundError: no such dataset in this project.
        """
        profile = self._profile(project_id, wish.dataset_id)
        return validate(wish, profile, self._limits, self._speed(wish))

    def _speed(self, wish: NetworkValidate) -> Speed | None:
        said = Workers(self._sessions).speed("cuda" if wish.device == "cuda" else "cpu")
        return None if said is None else Speed.from_plain(said)

    def _profile(self, project_id: str, dataset_id: str | None) -> TableProfile | None:
        if dataset_id is None:
            return None
        query = select(DatasetRow.profile).where(
            DatasetRow.project_id == project_id,
            DatasetRow.id == dataset_id,
            DatasetRow.deleted_at.is_(None),
        )
        with self._sessions.read() as session:
            profile = session.scalar(query) if has_shape(dataset_id, "ds") else None
        if profile is None:
            raise NotFoundError("dataset")
        return TableProfile.from_json(profile)


def _check_layers(wish: NetworkCreate) -> None:
    findings = Findings()
    check_residuals(wish.layers, None, findings)
    if findings.problems:
        # Here the request is the network itself.
        raise InvalidRequestError(
            [
                Problem(p.pointer.removeprefix("/network"), p.code, p.detail, p.limit)
                for p in findings.problems
            ]
        )


def _check_shape(network_id: str) -> None:
    if not has_shape(network_id, "net"):
        raise NotFoundError("network")


def _network(row: NetworkRow) -> Network:
    spec = NetworkIn.model_validate_json(row.spec)
    return Network(
        id=row.id,
        name=row.name,
        layers=spec.layers,
        output=spec.output,
        skip=spec.skip,
        embeddings=spec.embeddings,
        numeric_embeddings=spec.numeric_embeddings,
        members=spec.members,
        created_at=row.created_at,
    )
