"""Marking of the open document as an answer to a lesson, on a separate thread."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import Cancelled, NodeflowError
from nodeflow.host import protocol as p
from nodeflow.lessons.grading.results import Result
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.predictions import right_answers


class LessonMarking:
    """The marking of one answer at a time. A new request ends the one before.

    Args:
        send: takes the messages. Any thread may call it.
    """

    def __init__(self, send: Callable[[p.Message], None]) -> None:
        self._send = send
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self._text = ""
        self._marker: Marker | None = None
        self._answers: dict[str, object] = {}

    def start(self, request: p.MarkLesson, document: Document, folder: DocumentFolder) -> None:
        """Start to mark a copy of a document. LessonMarked or Failed answers, unless cancelled."""
        self.cancel()
        self._stop = threading.Event()
        answer = flow.loads(flow.dumps(document))
        answer.path = Path(folder.path) / "answer.flow" if folder.path else None
        answer.allowed = folder.allowed
        thread = threading.Thread(
            target=self._mark,
            args=(request, answer, self._stop),
            name="nodeflow-lesson",
            daemon=True,
        )
        thread.start()

    def cancel(self) -> None:
        """Tell the running marking to end soon."""
        self._stop.set()

    def _mark(self, request: p.MarkLesson, answer: Document, stop: threading.Event) -> None:
        began = time.perf_counter()
        with self._turn:
            if stop.is_set():
                return
            try:
                marker = self._marker_for(request.lesson)
                checks, live = request.checks, request.checks is None
                mark = marker.mark(answer, live=live, checks=checks, stop=stop.is_set)
                result = Result.of(mark, time.perf_counter() - began)
                self._send(p.LessonMarked(request.request, result, dict(self._answers)))
            except Cancelled:
                pass
            except Exception as error:  # the window waits for an answer
                details = "" if isinstance(error, NodeflowError) else traceback.format_exc()
                data = p.ErrorData.of(error, details)
                self._send(p.Failed(request.request, "MarkLesson", data))

    def _marker_for(self, text: str) -> Marker:
        """Return the marker of a lesson's file. It is kept, with the solution's values."""
        if self._marker is None or text != self._text:
            if self._marker is not None:
                self._marker.close()
            document = flow.loads(text)
            self._marker, self._text = Marker(document), text
            self._answers = right_answers(document, self._marker.lesson)
        return self._marker
