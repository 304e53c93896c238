"""The application: from the command line to a painted window, and to the exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtGui import QFileOpenEvent, QIcon
from PySide6.QtWidgets import QApplication

from nodeflow.document.io import flow
from nodeflow.paths import home, home_notice
from nodeflow.resources import resource
from nodeflow.ui.controllers.training.resume_offer import offer_resume
from nodeflow.ui.controllers.viewing.theme_actions import chosen_theme
from nodeflow.ui.core.concurrency.garbage_collection import collect_here
from nodeflow.ui.core.engine_link.client_interface import ClientFactory, engine_client
from nodeflow.ui.core.error_handler import ErrorHandler, crash_file
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.theming.stylesheet import apply_theme, styled_at_once
from nodeflow.ui.core.theming.theme import font_families
from nodeflow.ui.window.main_window import MainWindow

IDLE_MS = 1500
"""Milliseconds from the first paint until panels import their modules, before Train is pressed."""


class Application(QApplication):
    """The application object, which macOS asks to open files.

    Signals:
        file_asked(path): the user opened this file outside of the window.
    """

    file_asked = Signal(Path)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QFileOpenEvent) and event.file():
            self.file_asked.emit(Path(event.file()))
            return True
        return super().event(event)


def make_application(arguments: list[str] | None = None) -> QApplication:
    """Return the QApplication. If there is none yet, make one in the style of nodeflow."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        collect_here(existing)
        return existing
    # By default, Qt fills large shapes with threads of its own. That means hundreds of wake-ups per
    # frame, each of which takes a core from the engine. Measured without these threads: a fifth
    # less processor time, and frames no slower.
    os.environ.setdefault("QT_NO_GUI_THREADPOOL", "1")
    QApplication.setApplicationName("nodeflow")
    QApplication.setDesktopFileName("nodeflow")
    app = Application(arguments or ["nodeflow"])
    app.setStyle("Fusion")
    font_families()
    collect_here(app)
    app.setWindowIcon(QIcon(str(resource("icons/nodeflow.svg"))))
    return app


def make_window(
    settings: Settings | None = None,
    errors: ErrorHandler | None = None,
    factory: ClientFactory = engine_client,
    *,
    safe: bool = False,
) -> MainWindow:
    """Return a main window in the user's theme, not yet shown.

    Args:
        safe: do not load the user's own ops.
    """
    app = make_application()
    settings = settings or Settings()
    apply_theme(app, chosen_theme(settings))
    with styled_at_once(app):
        return MainWindow(settings, errors, factory, safe=safe)


class Start(QObject):
    """The work after the first paint: start the engine, load pictures and plots, look for files
    to recover.
    """

    def __init__(self, window: MainWindow, path: Path | None, is_new: bool = False) -> None:
        super().__init__(window)
        self._window = window
        self._path, self._is_new = path, is_new
        window.painted.connect(self._on_painted)

    def _on_painted(self) -> None:
        window = self._window
        window.link.start()
        window.pages.welcome.draw_pictures()
        if self._path is not None and self._is_new:
            window.files.begin_with(flow.load(self._path), self._path.stem)
        elif self._path is not None:
            window.files.load(self._path)
        has_asked = window.files.recovery.offer()
        window.engine_notices.show_safe_start()
        if notice := home_notice():
            window.messages.show(notice, "info")
            window.messages.show_status(notice)  # the welcome page covers the message bar
        offer_resume(window, window.workspace, window.files, window.run, asks=not has_asked)
        QTimer.singleShot(IDLE_MS, window, window.idle.emit)


def run(
    path: str | os.PathLike | None = None,
    on_painted: Callable[[], None] | None = None,
    *,
    safe: bool = False,
    is_new: bool = False,
) -> int:
    """Open the window, with a file or the welcome page, and return when it is closed.

    Args:
        path: a .flow file. If it cannot be read, the window shows an error message.
        on_painted: called after the first paint, for measuring.
        safe: do not load the user's own ops.
        is_new: show what the file holds as a new document, which is not saved yet.

    Returns:
        The exit code.
    """
    home()  # before Qt asks for it
    app = make_application(sys.argv[:1])
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    errors = ErrorHandler()
    errors.install()
    errors.note_crashes(crash_file())
    try:
        window = make_window(errors=errors, safe=safe)
        given = Path(path) if path is not None else None
        if isinstance(app, Application):
            app.file_asked.connect(window.files.open_path)
        late = given if is_new else _open_first(window, given)
        if on_painted is not None:
            window.painted.connect(on_painted)
        Start(window, late, is_new)
        window.show()
        return app.exec()
    finally:
        errors.uninstall()


def _open_first(window: MainWindow, path: Path | None) -> Path | None:
    """Load a file before the first paint.

    If this fails, return its path, to report the error later.
    """
    if path is None:
        window.pages.show_welcome()
        return None
    return None if window.files.load_quietly(path) else path
