"""``nodeflow lesson``: check the solution of a lesson, and write the lesson's copy for students."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import Environment
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line, plural
from nodeflow.document.io import flow
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.student_copy import refuse_wrong, student_copy


def lesson(arguments: argparse.Namespace, environment: Environment) -> None:
    """Check that the solution passes and that typical mistakes are told apart.

    Raises:
        LessonProblem: the lesson is malformed, its solution fails, or a mistake passes.
        FileProblem: the file cannot be read, or the copy cannot be written.
    """
    path = environment.path(arguments.lesson)
    document = flow.load(path)
    with Marker(document) as marker:
        found = marker.lesson
        if not found.is_student_copy:
            refuse_wrong(marker, document)
        cases = len(marker.cases)
    if arguments.output:
        output = environment.path(arguments.output)
        if output.resolve() == path.resolve():
            raise ArgumentProblem(
                "the copy would replace the lesson", hint="Give --output another name."
            )
        flow.save(student_copy(document), output)
    if arguments.json:
        counts = {"checks": len(found.checks), "mistakes": len(found.twins), "inputs": cases}
        fields = {"id": found.id, "version": found.version, "title": found.text("title"), **counts}
        environment.print(json_line({**fields, "is_student_copy": found.is_student_copy}))
        return
    environment.print(f"{found.text('title')} ({found.id}, version {found.version})")
    environment.print(
        f"{plural(len(found.checks), 'check')}, {plural(len(found.twins), 'typical mistake')}, "
        f"{plural(len(found.milestones), 'milestone')}, {plural(cases, 'set')} of inputs"
    )
    if arguments.output:
        environment.message(f"nodeflow: student's copy written to {arguments.output}")
