"""What comes to light while a wish is resolved: every problem, not the first one only."""

from __future__ import annotations

from workers.modelling.plan import PlanError, PlanProblem, PlanWarning


class Findings:
    """Problems that forbid the plan, and warnings that go with it."""

    def __init__(self) -> None:
        self.problems: list[PlanProblem] = []
        self._warnings: list[PlanWarning] = []

    @property
    def warnings(self) -> tuple[PlanWarning, ...]:
        """The warnings so far, in the order found."""
        return tuple(self._warnings)

    def problem(
        self, pointer: str, code: str, detail: str, limit: int | float | str | None = None
    ) -> None:
        """Note what forbids the plan."""
        self.problems.append(PlanProblem(pointer, code, detail, limit))

    def warn(self, code: str, column: str | None, detail: str) -> None:
        """Note what the user should know."""
        self._warnings.append(PlanWarning(code, column, detail))

    def error(self) -> PlanError:
        """The error with all problems."""
        return PlanError(self.problems)
