"""Data files beside a lesson, which an answer names by the places where its learner had them."""

from __future__ import annotations

from pathlib import PureWindowsPath

from nodeflow.data.data_paths import RESOURCE
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.lessons.schema import Lesson
from nodeflow.lessons.start import copied


def with_given_data(start: Document, answer: Document, lesson: Lesson) -> Document:
    """Return a copy of a student's answer that reads given data sets from the files beside the
    lesson. Return the answer itself if it has no such data sets.

    The editor stores absolute paths, which do not exist on other computers. A path is replaced if
    it ends with the relative path that the lesson gave.
    """
    found: dict[str, object] = {}
    for record in start.nodes.values():
        own = answer.node_named(record.name)
        given = record.attrs.get("source")
        if own is None or not lesson.locks(record.id):
            continue
        if _is_same_file(given, own.attrs.get("source")):
            found[own.id] = given
    if not found:
        return answer
    copy = copied(answer)
    copy.path = start.path
    copy.allow(*start.allowed)
    for node, source in found.items():
        commands.set_attr(copy, node, "source", source)
    return copy


def _is_same_file(given: object, source: object) -> bool:
    """Return whether a node's data source in the answer is the file that the lesson gave: both have
    the same kind, and the path ends with the given relative path.
    """
    if not isinstance(given, str) or not isinstance(source, str):
        return False
    (kind, _, wanted), (other, _, path) = given.partition(":"), source.partition(":")
    if kind != other or not wanted or wanted.startswith(RESOURCE):
        return False
    parts = PureWindowsPath(wanted).parts  # both separators
    return PureWindowsPath(path).parts[-len(parts) :] == parts
