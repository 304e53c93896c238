"""The table of marks: one row for each answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from nodeflow.lessons.grading.answers import Answer
from nodeflow.lessons.grading.results import Result
from nodeflow.lessons.schema import Lesson

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet takes a text for a formula."""


def marks_table(
    lesson: Lesson,
    answers: Sequence[Answer],
    results: Sequence[Result | None],
    seeds: Sequence[int],
    points: float,
) -> str:
    """Return the table as CSV.

    Its columns are the student, the points, whether all checks passed, the file, one column per
    check, the typical mistake, milestones, changed given nodes, the problem, and the lesson's
    version and seeds.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    ids = [check.id for check in lesson.checks]
    writer.writerow(
        [
            *("id", "name", "points", "passed", "file"),
            *(f"check {name}" for name in ids),
            *("mistake", "milestones", "changed given nodes", "problem", "lesson", "seeds"),
        ]
    )
    which = f"{lesson.id} version {lesson.version}"
    drawn = " ".join(map(str, (lesson.probes.seed, *seeds)))
    for answer, result in zip(answers, results, strict=True):
        result = result or Result(problem="not marked")
        passed = {check.id: check.passed for check in result.checks}
        cells = [
            *(answer.id, answer.name, f"{points * result.credit:.2f}", _yes(result.passed)),
            answer.path.name,
            *(_yes(passed[name]) if name in passed else "" for name in ids),
            *(result.twin, " ".join(result.milestones), " ".join(result.altered)),
            *(result.problem, which, drawn),
        ]
        writer.writerow([_inert(cell) for cell in cells])
    return out.getvalue()


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _inert(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
