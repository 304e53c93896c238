"""The commands for lessons and classes, as data; `all_commands` lists them with the others."""

from __future__ import annotations

from nodeflow.cli.definition.options import (
    JSON,
    PLUGINS,
    Command,
    option,
    positive_number,
    size_in_bytes,
    whole_number,
)

LESSON = Command(
    "lesson",
    "check a lesson, and write its copy for students or its texts",
    "nodeflow.cli.commands.lessons.lesson:lesson",
    (
        option("lesson", help="the file with the lesson", metavar="LESSON"),
        option(
            "-o",
            "--output",
            help="write a copy without the solution, for students",
            metavar="COPY.flow",
        ),
        option(
            "--texts",
            help="write or complete the texts of a translation, such as LESSON.de.json",
            metavar="TEXTS.json",
        ),
        JSON,
    ),
)

GRADE = Command(
    "grade",
    "mark answers to a lesson, each in a process with limits",
    "nodeflow.cli.commands.lessons.grade:grade",
    (
        option("lesson", help="the teacher's file, with the solution", metavar="LESSON"),
        option("answers", help="files, or folders to search", metavar="ANSWERS", nargs="+"),
        option("-o", "--output", help="write the marks as CSV", metavar="MARKS.csv"),
        option("--feedback", help="folder for a page for each student", metavar="DIR"),
        option(
            "--points",
            help="points of a full mark, where the roster says no maximum (default: 10)",
            type=positive_number,
            default=10.0,
            metavar="N",
        ),
        option(
            "--seconds",
            help="longest computing time of an answer (default: 10)",
            type=positive_number,
            default=10.0,
            metavar="N",
        ),
        option(
            "--process-memory",
            help="memory that an answer may need, such as 500MB (default: 1GB)",
            type=size_in_bytes,
            default=10**9,
            metavar="SIZE",
        ),
        option(
            "--processes",
            help="number of answers marked at once (default: one for each core)",
            type=whole_number(1),
            metavar="N",
        ),
        option(
            "--roster",
            help="table of Moodle or Canvas; --output is then this table with the marks",
            metavar="EXPORT.csv",
        ),
        option("--column", help="column of the roster to fill", metavar="TITLE"),
        option(
            "--only",
            help="mark only this student; may be repeated",
            action="append",
            default=[],
            metavar="ID",
        ),
        option(
            "--seed",
            help="first secret seed of the inputs (default: a new one)",
            type=whole_number(0),
            metavar="N",
        ),
        PLUGINS,
        JSON,
    ),
)
