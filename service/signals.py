"""Signals as something to wait for, in the order of the program."""

from __future__ import annotations

import select
import signal
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

STOP = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


class SignalQueue:
    """Takes over the signals given; the process is no longer interrupted by them.

    For the main thread, once per process.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        # The interpreter writes each signal's number, so none is lost between two waits.
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for each in signals:
            # nohup asks for a process that outlives its terminal.
            if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN:
                signal.signal(each, _leave_to_queue)

    def wait(self, seconds: float) -> frozenset[signal.Signals]:
        """Return what has arrived as soon as something has, else nothing after `seconds`."""
        if not select.select([self._reader], [], [], seconds)[0]:
            return frozenset()
        return frozenset(signal.Signals(number) for number in self._reader.recv(4096))


def _leave_to_queue(_number: int, _frame: FrameType | None) -> None:
    """Do nothing here: the number is in the queue."""
