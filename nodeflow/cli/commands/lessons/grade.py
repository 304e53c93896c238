"""``nodeflow grade``: mark many answers to a lesson."""

from __future__ import annotations

import argparse
import os
import re
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.cli.commands.lessons.feedback import feedback_page, zipped
from nodeflow.cli.environment import DONE, INTERRUPTED, Environment
from nodeflow.cli.output_format import json_line, plural
from nodeflow.cli.progress_bar import Progress
from nodeflow.document.io import flow
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.grading.answers import Answer, find_answers
from nodeflow.lessons.grading.marks_table import marks_table
from nodeflow.lessons.grading.pool import Setup
from nodeflow.lessons.grading.pool import grade as grade_all
from nodeflow.lessons.grading.results import Result
from nodeflow.lessons.grading.roster import read_roster
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.student_copy import refuse_wrong

SECRET_SEEDS = 2
"""The number of secret seeds."""


def grade(arguments: argparse.Namespace, environment: Environment) -> int:
    """Grade students' answers to a lesson, each in a process with limits, and write the reports.

    Ctrl-C ends the grading early.

    Raises:
        LessonProblem: the file has no lesson, or its solution fails.
        FileProblem: a file or folder is missing or cannot be read.
    """
    document = flow.load(environment.path(arguments.lesson))
    seeds = _seeds(arguments.seed)
    with Marker(document, seeds) as marker:
        lesson = marker.lesson
        if lesson.is_student_copy:
            raise LessonProblem(
                "this is a student's copy, which has no secret inputs",
                hint="Grade with the file that it was exported from.",
            )
        refuse_wrong(marker, document)
    answers = find_answers(map(environment.path, arguments.answers), arguments.only)
    roster = None
    if arguments.roster:
        roster = read_roster(environment.path(arguments.roster), arguments.column)
    setup = Setup(
        environment.path(arguments.lesson),
        seeds,
        arguments.seconds,
        arguments.process_memory,
        str(environment.path(arguments.plugins)) if arguments.plugins else None,
        arguments.processes,
    )
    results, interrupted = _graded(answers, setup, environment)
    marked = [(a, r) for a, r in zip(answers, results, strict=True) if r is not None]
    if roster is None:
        table = marks_table(lesson, answers, results, seeds, arguments.points)
    else:
        credits = {answer.id: None if r.problem else r.credit for answer, r in marked}
        for answer in roster.fill(answers, credits, arguments.points):
            environment.message(
                f"nodeflow: {answer.path.name}: the table has no single row for {answer.id}"
            )
        table = roster.dumps()
    if arguments.output:
        output = environment.path(arguments.output)
        with writing(output):
            write_atomically(output, table.encode())
    if arguments.feedback:
        pages = [feedback_page(lesson, a, r, arguments.points) for a, r in marked]
        _write_pages(environment.path(arguments.feedback), [a for a, _ in marked], pages)
    for answer, result in marked:
        _print(answer, result, arguments, environment)
    passed = sum(result.passed for _, result in marked)
    environment.message(
        f"nodeflow: {passed} of {plural(len(answers), 'answer')} passed; lesson {lesson.id} "
        f"version {lesson.version}, seeds {' '.join(map(str, (lesson.probes.seed, *seeds)))}. "
        "Marks say what a graph computes, not who built it or how."
    )
    return INTERRUPTED if interrupted else DONE


def _seeds(given: int | None) -> tuple[int, ...]:
    """Return secret seeds: derived from a given seed, or new."""
    first = int.from_bytes(os.urandom(3)) if given is None else given
    return tuple(first + i for i in range(SECRET_SEEDS))


def _graded(
    answers: Sequence[Answer], setup: Setup, environment: Environment
) -> tuple[list[Result | None], bool]:
    """Return the results, and whether Ctrl-C ended the grading."""
    stopped, progress, done = threading.Event(), Progress(environment, "answers"), [0]
    progress.start(len(answers))

    def told(answer: Answer, result: Result) -> None:
        done[0] += 1
        progress.advance(done[0], answer.id)

    before = signal.signal(signal.SIGINT, lambda *_: stopped.set())
    try:
        results = grade_all(answers, setup, told, stopped.is_set)
    finally:
        signal.signal(signal.SIGINT, before)
        progress.clear()
    return results, stopped.is_set()


def _write_pages(folder: Path, answers: Sequence[Answer], pages: Sequence[str]) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for answer, page in zip(answers, pages, strict=True):
        path = folder / f"{_file_name(answer.id)}.html"
        with writing(path):
            write_atomically(path, page.encode())
    archive = folder / "feedback.zip"
    with writing(archive):
        write_atomically(archive, zipped(answers, pages))


def _file_name(identity: str) -> str:
    return re.sub(r"[^\w. -]", "_", identity).strip(". ") or "answer"


def _print(
    answer: Answer, result: Result, arguments: argparse.Namespace, environment: Environment
) -> None:
    if arguments.json:
        fields = {k: v for k, v in result.to_json().items() if k != "text"}
        environment.print(json_line({"id": answer.id, "file": str(answer.path), **fields}))
        return
    failed = [check for check in result.checks if not check.passed]
    said = result.problem or "; ".join(check.said.rstrip(".") for check in failed[:1])
    points = f"{arguments.points * result.credit:.2f}"
    environment.print(f"{answer.id}  {points}  {said}".rstrip())
