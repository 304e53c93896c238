"""The handler of all errors in the window.

It receives exceptions from slots, paint events and threads, errors at shutdown, and Qt's own
messages. It logs them, writes them to a file for bug reports, and passes them to the window on
the GUI thread, which shows them. No error is swallowed, and none is shown twice at once.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import logging.handlers
import os
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from PySide6.QtCore import QObject, QStandardPaths, QtMsgType, Signal, qInstallMessageHandler

from nodeflow.host.problem_report.collect_report import CRASH

log = logging.getLogger("nodeflow")

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}
_HARMLESS = (
    "This plugin does not support propagateSizeHints",  # the offscreen platform logs it each time
    "QStandardPaths: XDG_RUNTIME_DIR not set",  # for root and in containers; Qt then uses /tmp
)


def log_file() -> Path:
    """Return the path of the log for bug reports."""
    place = QStandardPaths.StandardLocation.GenericCacheLocation
    return Path(QStandardPaths.writableLocation(place)) / "nodeflow" / "window.log"


def crash_file() -> Path:
    """Return the path of the file where a crash of the window is recorded."""
    return log_file().with_name(CRASH)


class ErrorHandler(QObject):
    """The owner of Python's and Qt's error hooks until ``uninstall``.

    ``failed`` carries the exception and its traceback as text, ``recorded`` the level and text
    of a log record. Both may be emitted on any thread. Connect them to slots of QObjects of the
    GUI thread, so that Qt calls the slots on that thread.
    """

    failed = Signal(object, str)
    recorded = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._before: tuple[Any, Any, Any] | None = None
        self._handlers: list[logging.Handler] = []
        self._crash: IO[str] | None = None

    def note_crashes(self, path: Path) -> None:
        """Make Python write its traceback to ``path`` when it crashes.

        Keep the file of the last crash.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size:
                os.replace(path, path.with_name(f"last-{path.name}"))
            self._crash = path.open("w", encoding="utf-8")
        except OSError as error:
            log.warning("a crash leaves no trace: %s", error)
            return
        faulthandler.enable(self._crash)

    def install(self, path: Path | None = None) -> None:
        """Install the error hooks, and log to ``path`` (default: `log_file`)."""
        self._before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        sys.unraisablehook = self._on_unraisable
        qInstallMessageHandler(self._on_qt_message)
        log.setLevel(logging.INFO)
        self._add_handler(_Forward(self))
        try:
            self._add_handler(_file_handler(path or log_file()))
        except OSError as error:
            log.warning("no log file: %s", error)

    def uninstall(self) -> None:
        """Restore the previous hooks."""
        if self._before is None:
            return
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._before
        self._before = None
        qInstallMessageHandler(None)
        if self._crash is not None:
            faulthandler.disable()
            self._crash.close()
            self._crash = None
        for handler in self._handlers:
            log.removeHandler(handler)
            handler.close()
        self._handlers.clear()

    def report(self, error: BaseException, where: str = "") -> None:
        """Log an exception and pass it to the window."""
        text = "".join(traceback.format_exception(error))
        log.error("%s%s", f"{where}: " if where else "", text.rstrip())
        self.failed.emit(error, text)

    def _add_handler(self, handler: logging.Handler) -> None:
        log.addHandler(handler)
        self._handlers.append(handler)

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self.report(error.with_traceback(trace))

    def _on_thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self.report(args.exc_value, f"thread {args.thread.name if args.thread else '?'}")

    def _on_unraisable(self, args: Any) -> None:
        if args.exc_value is not None:
            self.report(args.exc_value, args.err_msg or "during cleanup")

    def _on_qt_message(self, kind: QtMsgType, context: Any, message: str) -> None:
        if not message.startswith(_HARMLESS):
            log.log(_LEVELS.get(kind, logging.WARNING), "Qt: %s", message)


class _Forward(logging.Handler):
    """A handler that passes log records to the window's log panel."""

    def __init__(self, owner: ErrorHandler) -> None:
        super().__init__(logging.INFO)
        self._owner = owner

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(RuntimeError):  # raised at exit, when the QObject is gone
            self._owner.recorded.emit(record.levelno, record.getMessage())


def _file_handler(path: Path) -> logging.Handler:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler
