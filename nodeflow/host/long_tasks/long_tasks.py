"""Long work in the engine process that the user can cancel: downloads, predictions, checks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from nodeflow.host import protocol as p
from nodeflow.host.long_tasks.downloading import Download
from nodeflow.host.long_tasks.gradient_checking import GradientChecking
from nodeflow.host.long_tasks.lesson_marking import LessonMarking


class LongTasks:
    """The runner of long tasks, at most one of each kind at a time.

    Args:
        send: takes the messages. Any thread may call it.
        opened: the open data sets, which a download closes.
    """

    def __init__(self, send: Callable[[p.Message], None], opened: dict[Any, Any]) -> None:
        self.download = Download(send, opened)
        self.gradients = GradientChecking(send)
        self.lessons = LessonMarking(send)
        self.stop_predicting = threading.Event()

    def cancel(self, request: p.Request) -> bool:
        """If the request asks to cancel a long task, such as a download, cancel that task. Return
        whether it does.
        """
        if isinstance(request, p.CancelDownload):
            self.download.cancel()
        elif isinstance(request, p.CancelPredictions):
            self.stop_predicting.set()
        elif isinstance(request, p.CancelGradientChecks):
            self.gradients.cancel()
        elif isinstance(request, p.CancelMarking):
            self.lessons.cancel()
        else:
            return False
        return True

    def end(self) -> None:
        """Cancel predictions and checks, because the engine process ends."""
        self.stop_predicting.set()
        self.gradients.cancel()
        self.lessons.cancel()
