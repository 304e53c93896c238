"""A line that says how far the run is, and each failure as it happens: ``-p tests.progress``.

In a terminal the line is written over itself; elsewhere, as in CI, each twentieth gives a line.
"""

from __future__ import annotations

import sys
import time

import pytest

REFRESH_S = 0.25
PARTS = 20


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(reporter, sys.stdout.isatty()))


class Progress:
    """Counts the tests that are done."""

    def __init__(self, reporter: pytest.TerminalReporter, is_terminal: bool) -> None:
        self._reporter = reporter
        self._is_terminal = is_terminal
        self._started = time.monotonic()
        self._refreshed = 0.0
        self._part = 0
        self._done = self._failed = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport):
        """No letter for a test: the line counts it. The words are for the summary."""
        if hasattr(report, "wasxfail"):
            return None
        if report.failed:
            return ("failed", "", "FAILED") if report.when == "call" else ("error", "", "ERROR")
        if report.skipped:
            return "skipped", "", "SKIPPED"
        return ("passed" if report.when == "call" else ""), "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed += 1
            self._line(f"failed: {report.nodeid}")

    def pytest_runtest_logfinish(self) -> None:
        self._done += 1
        total = self._reporter._session.testscollected if self._reporter._session else 0
        now = time.monotonic()
        if self._is_terminal and (now > self._refreshed + REFRESH_S or self._done == total):
            self._refreshed = now
            self._reporter.rewrite(self._text(total), erase=True)
        elif not self._is_terminal and self._done * PARTS >= (self._part + 1) * max(total, 1):
            self._part = self._done * PARTS // max(total, 1)
            self._line(self._text(total))

    def _line(self, text: str) -> None:
        if self._is_terminal:
            self._reporter.rewrite("", erase=True)
        self._reporter.ensure_newline()
        self._reporter.write_line(text)

    def _text(self, total: int) -> str:
        minutes, seconds = divmod(round(time.monotonic() - self._started), 60)
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._done} of {total} tests in {minutes}:{seconds:02}{failed}"
