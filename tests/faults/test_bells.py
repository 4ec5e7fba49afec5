"""Bells that are repeated, out of order, forged or no messages at all do no harm."""

from __future__ import annotations

import json
import random
import statistics
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from service.ids import new_id
from service.store.blobs import Blobs
from service.store.broker import QUEUE_CPU
from service.usecases.leases import Leases
from tests.faults.conftest import LEASE_S

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

N_BELLS = 100
SEED = 14
QUEUE = f"slope:{QUEUE_CPU}"
NO_OP_S = 0.02

FORGED_IDS = ("run_00000000000000000000000000", "../../etc/passwd", "", "x" * 10_000)

PICKLED = "gASVIQAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAlleGl0IDg2lIWUUpQu"
"""What a pickle that calls `os.system("exit 86")` looks like in a message."""


def message(**changes: object) -> bytes:
    """Return a message as Celery would put it into the queue, with some of it changed."""
    task_id = str(uuid4())
    whole = {
        "body": "W1sieCJdLCB7fSwge31d",
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": "slope.train", "id": task_id, "root_id": task_id},
        "properties": {
            "correlation_id": task_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": QUEUE_CPU},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": task_id,
        },
    }
    return json.dumps({**whole, **changes}).encode()


def junk() -> list[bytes]:
    """Return messages that no publisher of ours sends."""
    unknown_task = {"lang": "py", "task": "os.system", "id": str(uuid4())}
    return [
        b"",
        b"\x00\xff not JSON",
        b"[]",
        b"null",
        b"{}",
        message(**{"content-type": "application/x-python-serialize", "body": PICKLED}),
        message(headers=unknown_task),
        message(headers={}),
        message(body="!!! not base64"),
        message(body="bm90IEpTT04="),
        message(body="W10="),
        message(properties={}),
    ]


def test_bells_a_hundred_times_and_out_of_order_start_every_run_once(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("3-inside")
    run_ids = [service.start_run(undisturbed.dataset_id) for _ in range(4)]
    service.await_held("3-inside")
    bells = [run_id for run_id in run_ids for _ in range(N_BELLS // len(run_ids))]
    random.Random(SEED).shuffle(bells)  # noqa: S311 - an order, no secret
    for run_id in bells:
        service.broker.ring(run_id)
    service.release("3-inside")
    for run_id in run_ids:
        assert undisturbed.check(run_id, faults=0)["attempt"] == 1


def test_a_bell_too_many_costs_a_worker_next_to_nothing(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("3-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("3-inside")
    leases = Leases(service.sessions, Blobs(), lease_s=LEASE_S)
    taken_s = []
    for _ in range(N_BELLS):
        began_s = time.perf_counter()
        assert leases.claim(run_id, "wrk_00000000000000000000000000") is None
        taken_s.append(time.perf_counter() - began_s)
    service.release("3-inside")
    assert statistics.median(taken_s) < NO_OP_S
    assert undisturbed.check(run_id, faults=0)["attempt"] == 1


def test_forged_and_malformed_messages_start_nothing_and_end_nobody(
    service: FaultyService, undisturbed: Undisturbed, explained: list[str]
) -> None:
    # What Celery says of messages that it refuses.
    explained += ["ContentDisallowed", "KeyError: 'os.system'", "DecodeError"]
    worker = service.pid("worker")
    with service.broker_client() as client:
        for words in junk():
            client.lpush(QUEUE, words)
    for forged in (*FORGED_IDS, new_id("run")):
        service.broker.ring(forged)
    # A run that is over is not begun again, whoever rings for it.
    service.broker.ring(undisturbed.run["id"])
    after = service.start_run(undisturbed.dataset_id)
    assert undisturbed.check(after, faults=0)["attempt"] == 1
    assert service.run(undisturbed.run["id"]) == undisturbed.run
    assert service.pid("worker") == worker
