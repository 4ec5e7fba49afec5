"""Rot: a bit of a stored checkpoint that is not what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from service.store.tables import BlobChunkRow, CheckpointRow, RunRow

if TYPE_CHECKING:
    from random import Random

    from service.store.db import Sessions


def flip_a_byte(sessions: Sessions, rng: Random) -> bool:
    """Flip a byte of the latest state of a run that is not over; tell whether there was one."""
    with sessions.begin() as session:
        unfinished = RunRow.status.in_(("queued", "running", "paused"))
        states = (
            select(CheckpointRow.state_sha256)
            .join(RunRow, RunRow.id == CheckpointRow.run_id)
            .where(unfinished, CheckpointRow.state_sha256.is_not(None))
            .order_by(CheckpointRow.created_at.desc())
            .limit(1)
        )
        chunk = session.scalar(
            select(BlobChunkRow).where(BlobChunkRow.sha256 == states.scalar_subquery()).limit(1)
        )
        if chunk is None:
            return False
        place = rng.randrange(len(chunk.data))
        chunk.data = chunk.data[:place] + bytes([chunk.data[place] ^ 1]) + chunk.data[place + 1 :]
        return True
