"""The broker: a doorbell. The ledger is the truth; a bell that is lost is rung again."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celery import Celery
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Iterator

TASK = "slope.train"
"""The one task's name; its one argument is a run's id."""

CANARY_TASK = "slope.canary"
"""A message that asks for nothing: a worker that hears it hears bells, too."""

QUEUE_CPU = "slope.cpu"
QUEUES = {"cpu": QUEUE_CPU, "cuda": "slope.cuda"}
"""A queue for each kind of device that a run can ask for."""

# A hash, because kombu's client puts the prefix before the keys of some commands only: of SET but
# not of GET, of HSET and of HGET.
CANARY = "canary"

# Of one reply. A ring is one exchange on a connection that stands, so that a hung broker holds up
# a caller for less than half a second in all.
REPLY_S = 0.2

# After a failure nobody waits for the broker again for so long; bells are rung again anyway.
QUIET_S = 1.0

TRANSPORT_OPTIONS: dict[str, Any] = {
    # A message is acknowledged when its run starts, so that this bounds nothing but messages
    # lost between the queue and a worker: five minutes, not the hour of the default, and swept
    # every five seconds rather than every hundred.
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # The default waits for ever for a broker that hangs.
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # Other applications on the same server would share, and set, each other's timeouts.
    "global_keyprefix": "slope:",
    "client_name": "slope",
}

CELERY: dict[str, Any] = {
    # JSON only: unpickling runs code.
    "task_serializer": "json",
    "accept_content": ["json"],
    "event_serializer": "json",
    # Acknowledged when the run starts: with acks_late Redis would deliver a run longer than its
    # visibility timeout a second time, and again, while it trains. A run lost with its worker
    # comes back through its lease, so that these three would only repeat it.
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    "task_retry_on_worker_lost": False,
    # The ledger holds results; a result backend leaks keys and has run commands (CVE-2021-23727).
    "task_ignore_result": True,
    "result_backend": None,
    # One message per free slot: what a busy worker holds back another could train.
    "worker_disable_prefetch": True,
    "worker_prefetch_multiplier": 1,
    "task_default_queue": QUEUE_CPU,
    "task_create_missing_queues": True,
    # Workers wait for their broker for ever; who publishes does not wait at all.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "task_publish_retry": False,
    # As many requests may ring at once as are likely to end at once; a ring takes a millisecond.
    "broker_pool_limit": 10,
    # A broker that is away for a moment must not end trainings.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Cancelling goes through the ledger and its heartbeats; revocations would live in memory.
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    # With no ETA tasks there is nothing to wait for in an idle worker.
    "worker_enable_soft_shutdown_on_idle": False,
    "worker_hijack_root_logger": False,
    # Pool processes share what the main process loaded. It opens no GPU, keeps no connection and
    # has no thread, which are what a fork does not survive.
    "worker_pool_start_method": "fork",
    # A process that opens a GPU is not up within the default of four seconds, and would be killed.
    "worker_proc_alive_timeout": 60.0,
    # Bounds what leaks.
    "worker_max_tasks_per_child": 50,
    "enable_utc": True,
    "timezone": "UTC",
}


def celery_settings(url: str, *, shutdown_s: float) -> dict[str, Any]:
    """Return the settings of a worker's Celery app; `shutdown_s` is its time to checkpoint."""
    return CELERY | {
        "broker_url": url,
        "broker_transport_options": dict(TRANSPORT_OPTIONS),
        # For an operator's SIGQUIT. SIGTERM is a warm shutdown, short because the worker tells its
        # trainings to put their work away; the soft one would tell them nothing.
        "worker_soft_shutdown_timeout": shutdown_s,
    }


class BrokerUnavailableError(Exception):
    """The broker is down, hung, or was a moment ago."""


class Broker:
    """Rings for runs. Every call returns or raises within half a second."""

    def __init__(self, url: str) -> None:
        self._app = Celery("slope", set_as_current=False, config_source=_publisher_settings(url))
        self._quiet_until = 0.0

    def ring(self, run_id: str, *, queue: str = QUEUE_CPU) -> None:
        """Ask a worker to look at a run.

        Raises:
            BrokerUnavailableError: nothing was rung, as far as one can tell.
        """
        self._send(TASK, (run_id,), queue)

    def ring_canary(self, queue: str) -> None:
        """Ask a worker of a queue to hear this, and nothing more.

        Raises:
            BrokerUnavailableError: nothing was rung, as far as one can tell.
        """
        self._send(CANARY_TASK, (), queue)

    def hanging(self, queue: str) -> int:
        """Return how many messages nobody has taken from a queue yet.

        Raises:
            BrokerUnavailableError: it does not answer.
        """
        with self._answering(), self._client() as client:
            return int(client.llen(queue))

    def ping(self) -> bool:
        """Tell whether the broker answers."""
        try:
            with self._answering(), self._client() as client:
                return bool(client.ping())
        except BrokerUnavailableError:
            return False

    def has_canary(self) -> bool:
        """Tell whether the broker still has the data it had when `set_canary` was called.

        Raises:
            BrokerUnavailableError: it does not answer.
        """
        with self._answering(), self._client() as client:
            return client.hget(CANARY, CANARY) is not None

    def set_canary(self) -> None:
        """Leave a key that is gone when the broker's data is.

        Raises:
            BrokerUnavailableError: it does not answer.
        """
        with self._answering(), self._client() as client:
            client.hset(CANARY, CANARY, "1")

    def _send(self, task: str, args: tuple[str, ...], queue: str) -> None:
        # Nothing expires: Celery would compare with the clock of the worker's host, and one that
        # is fast would drop every bell. A bell that comes late finds nothing to take.
        with self._answering():
            self._app.send_task(task, args=args, queue=queue, retry=False)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        with self._app.pool.acquire(block=True) as connection:
            yield connection.default_channel.client

    @contextmanager
    def _answering(self) -> Iterator[None]:
        if time.monotonic() < self._quiet_until:
            raise BrokerUnavailableError
        try:
            yield
        except (OperationalError, KombuError, RedisError, OSError) as error:
            self._quiet_until = time.monotonic() + QUIET_S
            raise BrokerUnavailableError from error


def _publisher_settings(url: str) -> dict[str, Any]:
    impatient = {
        "socket_timeout": REPLY_S,
        "socket_connect_timeout": REPLY_S,
        # A health check would be a second exchange, and the ring itself tells as much.
        "health_check_interval": 0,
        "max_retries": 0,
    }
    settings = celery_settings(url, shutdown_s=0.0)
    settings["broker_transport_options"] |= impatient
    return settings
