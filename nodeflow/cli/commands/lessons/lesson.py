"""``nodeflow lesson``: check a lesson, and write its copy for students or a translation's texts."""

from __future__ import annotations

import argparse
from pathlib import Path

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.cli.environment import Environment
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line, plural
from nodeflow.document.io import flow
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.schema import Lesson
from nodeflow.lessons.student_copy import refuse_wrong, student_copy
from nodeflow.lessons.translation import (
    read_translation,
    template,
    translations_of,
    untranslated,
)


def lesson(arguments: argparse.Namespace, environment: Environment) -> None:
    """Check that the solution passes, that typical mistakes are told apart, and that translations
    fit.

    Raises:
        LessonProblem: the lesson or a translation is malformed, the solution fails, or a mistake
            passes.
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
    if arguments.texts:
        _write_texts(environment.path(arguments.texts), found)
        environment.message(f"nodeflow: texts written to {arguments.texts}")
    missing = {
        beside.name: untranslated(found, read_translation(beside, found))
        for beside in translations_of(path)
    }
    if arguments.json:
        counts = {"checks": len(found.checks), "mistakes": len(found.twins), "inputs": cases}
        fields = {"id": found.id, "version": found.version, "title": found.text("title"), **counts}
        kinds = {"is_student_copy": found.is_student_copy, "untranslated": missing}
        environment.print(json_line({**fields, **kinds}))
        return
    environment.print(f"{found.text('title')} ({found.id}, version {found.version})")
    environment.print(
        f"{plural(len(found.checks), 'check')}, {plural(len(found.twins), 'typical mistake')}, "
        f"{plural(len(found.milestones), 'milestone')}, {plural(cases, 'set')} of inputs"
    )
    for name, keys in missing.items():
        count = plural(len(found.texts), "text")
        environment.print(f"{name}: {len(found.texts) - len(keys)} of {count} translated")
    if arguments.output:
        environment.message(f"nodeflow: student's copy written to {arguments.output}")


def _write_texts(path: Path, lesson: Lesson) -> None:
    """Write all texts of a lesson, in the words of the translation that the file has already."""
    before = read_translation(path, lesson) if path.exists() else None
    with writing(path):
        write_atomically(path, template(lesson, before).encode())
