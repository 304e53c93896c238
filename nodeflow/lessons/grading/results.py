"""The result of grading one answer, as plain data that passes between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the window reads results, and loads no engine
    from nodeflow.lessons.marking import Mark


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check, see `Outcome`."""

    id: str
    passed: bool
    said: str = ""


@dataclass(frozen=True)
class Result:
    """The result of an answer.

    Attributes:
        credit: the reached part of all credit, from 0 to 1.
        checks: the outcomes, in the order of the lesson.
        twin: the id of the typical mistake that it makes; empty for none.
        milestones: ids of reached milestones -> the answer's tensor.
        altered: names of given nodes that the answer changed; they were put back.
        problem: why it could not be marked, as one line; empty if it was.
        seconds: the time that marking took.
        text: the answer as it was marked, as a `.flow` text, for a drawing; empty without one.
    """

    credit: float = 0.0
    checks: tuple[CheckResult, ...] = ()
    twin: str = ""
    milestones: Mapping[str, str] = field(default_factory=dict)
    altered: tuple[str, ...] = ()
    problem: str = ""
    seconds: float = 0.0
    text: str = ""

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return not self.problem and all(check.passed for check in self.checks)

    @classmethod
    def of(cls, mark: Mark, seconds: float, text: str = "") -> Result:
        """Return a mark as plain data."""
        checks = tuple(CheckResult(v.check.id, v.passed, v.outcome.said) for v in mark.verdicts)
        twin = mark.twin.id if mark.twin else ""
        return cls(mark.credit, checks, twin, mark.milestones, mark.altered, "", seconds, text)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Return the result that `to_json` wrote."""
        checks = tuple(CheckResult(**check) for check in data["checks"])
        return cls(**{**data, "checks": checks, "altered": tuple(data["altered"])})
