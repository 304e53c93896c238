"""Marking of the open document as an answer to a lesson, or its check as a lesson, on a separate
thread.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import Cancelled, NodeflowError
from nodeflow.host import protocol as p
from nodeflow.lessons.grading.results import Result
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.predictions import right_answers
from nodeflow.lessons.student_copy import left_out, student_copy


class LessonMarking:
    """The marking of one answer, or the check of one lesson, at a time. A new request ends the one
    before.

    Args:
        send: takes the messages. Any thread may call it.
    """

    def __init__(self, send: Callable[[p.Message], None]) -> None:
        self._send = send
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self._known: p.MarkLesson | None = None
        self._marker: Marker | None = None
        self._answers: dict[str, object] = {}

    def start(self, request: p.MarkLesson, document: Document, folder: DocumentFolder) -> None:
        """Start to check a copy of a document, a student's answer, against the lesson's solution.
        The message LessonMarked or Failed reports the end, unless the task is cancelled.
        """
        answer = _copied(document, folder, "answer.flow")
        self._begin(request, lambda stop: self._mark(request, answer, stop))

    def check(self, request: p.CheckLesson, document: Document, folder: DocumentFolder) -> None:
        """Start to check a copy of a document as a lesson. LessonChecked or Failed answers, unless
        cancelled.
        """
        lesson = _copied(document, folder, "lesson.flow")
        self._begin(request, lambda stop: _checked(request, lesson, stop))

    def cancel(self) -> None:
        """Tell the running task to end soon."""
        self._stop.set()

    def _begin(
        self,
        request: p.MarkLesson | p.CheckLesson,
        work: Callable[[Callable[[], bool]], p.Message],
    ) -> None:
        self.cancel()
        self._stop = threading.Event()
        thread = threading.Thread(
            target=self._run,
            args=(request, work, self._stop),
            name="nodeflow-lesson",
            daemon=True,
        )
        thread.start()

    def _run(
        self,
        request: p.MarkLesson | p.CheckLesson,
        work: Callable[[Callable[[], bool]], p.Message],
        stop: threading.Event,
    ) -> None:
        with self._turn:
            if stop.is_set():
                return
            try:
                self._send(work(stop.is_set))
            except Cancelled:
                pass
            except Exception as error:  # the window waits for an answer
                details = "" if isinstance(error, NodeflowError) else traceback.format_exc()
                data = p.ErrorData.of(error, details)
                self._send(p.Failed(request.request, type(request).__name__, data))

    def _mark(
        self, request: p.MarkLesson, answer: Document, stop: Callable[[], bool]
    ) -> p.LessonMarked:
        began = time.perf_counter()
        marker = self._marker_for(request, answer.allowed)
        checks, live = request.checks, request.checks is None
        mark = marker.mark(answer, live=live, checks=checks, stop=stop)
        result = Result.of(mark, time.perf_counter() - began)
        return p.LessonMarked(request.request, result, dict(self._answers))

    def _marker_for(self, request: p.MarkLesson, allowed: tuple[str, ...]) -> Marker:
        """Return the object that marks answers to a lesson. It is cached together with the values
        of the lesson's solution.
        """
        wanted = replace(request, request=0, checks=None)
        if self._marker is None or wanted != self._known:
            if self._marker is not None:
                self._marker.close()
            document = flow.loads(request.lesson)
            document.path = Path(request.path) if request.path else None
            document.allowed = allowed
            self._marker, self._known = Marker(document, request.seeds), wanted
            self._answers = right_answers(document, self._marker.lesson)
        return self._marker


def _checked(request: p.CheckLesson, lesson: Document, stop: Callable[[], bool]) -> p.LessonChecked:
    copy = student_copy(lesson, stop)
    return p.LessonChecked(request.request, flow.dumps(copy), left_out(lesson, copy))


def _copied(document: Document, folder: DocumentFolder, name: str) -> Document:
    """Return a copy of a document with the same permissions to read files."""
    copy = flow.loads(flow.dumps(document))
    copy.path = Path(folder.path) / name if folder.path else None
    copy.allowed = folder.allowed
    return copy
