"""The errors of lessons."""

from __future__ import annotations

from nodeflow.errors import GraphError


class LessonProblem(GraphError):
    """The lesson in a file is malformed or contradicts its graph.

    Remedy: Correct the field that the message names; the teaching guide lists all fields.
    """


class NewerLesson(LessonProblem):
    """A later release of nodeflow wrote the lesson.

    Remedy: Update nodeflow to open it.
    """
