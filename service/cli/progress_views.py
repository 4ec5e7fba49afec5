"""How progress looks: a bar on a terminal, some lines elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

from service.cli.progress import is_fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from service.cli.progress import EpochProgress, ProgressView
    from service.schemas.events import Event

# As many lines of a training as a reader of a log wants to see.
PLAIN_LINES = 10


@contextmanager
def progress_view(console: Console, title: str) -> Iterator[ProgressView]:
    """Open the view that suits where a console writes to."""
    if not console.is_terminal:
        lines = PlainLines(console)
        yield lines
        lines.close()
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:g}/{task.total:g}"),
        TextColumn("{task.fields[text]}"),
        console=console,
        expand=True,
    )
    with bar:
        yield LiveBar(bar, title)


class LiveBar:
    """One line that is drawn again and again."""

    def __init__(self, bar: Progress, title: str) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=1, text="waiting for a worker")

    def show_epoch(self, progress: EpochProgress) -> None:
        """Move the bar."""
        self._bar.update(
            self._task,
            completed=progress.epoch,
            total=progress.epochs,
            text=progress.describe(),
        )

    def show_event(self, event: Event) -> None:
        """Write what a person should know above the bar."""
        if event.level != "info":
            self._bar.console.print(event.message, markup=False, style="yellow")
        elif is_fold(event):
            self._bar.console.print(f"  {event.message}", markup=False)


class PlainLines:
    """About `PLAIN_LINES` lines, evenly over the training, the last epoch among them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_epoch = 1
        self._held_back: EpochProgress | None = None

    def show_epoch(self, progress: EpochProgress) -> None:
        """Write a line, unless the last one was only just written."""
        if progress.epoch < self._next_epoch:
            self._held_back = progress
            return
        self._write(progress)
        step = max(1, progress.epochs // PLAIN_LINES)
        self._next_epoch = progress.epoch // step * step + step

    def show_event(self, event: Event) -> None:
        """Write what a person should know."""
        if event.level != "info":
            self._console.print(f"{event.level}: {event.message}", markup=False)
        elif is_fold(event):
            self.close()
            self._console.print(f"  {event.message}", markup=False)

    def close(self) -> None:
        """Write the last epoch, where it was held back."""
        if self._held_back is not None:
            self._write(self._held_back)

    def _write(self, progress: EpochProgress) -> None:
        self._held_back = None
        width = len(str(progress.epochs))
        epoch = f"epoch {progress.epoch:>{width}}/{progress.epochs}"
        self._console.print(f"  {epoch}  {progress.describe()}", markup=False)
