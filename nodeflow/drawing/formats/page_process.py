"""The window's process for recorded pages: ``python -m nodeflow.drawing.formats.page_process``.

Its input is one pickled request of `page_requests`. Its output is a pickled pair (finished steps,
all steps) from time to time, and finally the pickled answer or error. It computes up to 60 steps of
a run again. It is a separate process, so that the user can end it at any time.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch

from nodeflow.drawing.formats.html_page import page_file
from nodeflow.drawing.formats.page_requests import (
    Answer,
    DrawnPage,
    DrawPage,
    EstimatePage,
    PageEstimate,
    Request,
)
from nodeflow.errors import NodeflowError
from nodeflow.host.page_recording import Recording
from nodeflow.host.past.record_for_page import MOST_STEPS, chosen_steps, record
from nodeflow.ops.user import load_plugins
from nodeflow.run_store.store import RunStore

Report = Callable[[int, int], None]


@singledispatch
def answer(request: Request, report: Report) -> Answer:
    """Answer a request about a recorded run, in the process that makes pages. One implementation is
    registered for each type of request.

    Raises:
        NodeflowError: the run is gone or damaged, or a step fails.
    """
    raise TypeError(type(request).__name__)


@answer.register
def _estimate(request: EstimatePage, report: Report) -> PageEstimate:
    """Estimate the size of an exported page by drawing only the first and the last step."""
    recording = _recorded(request.run, 2)
    count = 0
    if recording.steps:
        first, last = recording.steps[0].step, recording.steps[-1].step
        count = len(chosen_steps(first, last))
        steps = recording.steps * count
        recording = replace(recording, steps=steps[: count - 1] + recording.steps[-1:])
    size = len(_page(recording, recording.title))
    return PageEstimate(size, count, recording.notices)


@answer.register
def _draw(request: DrawPage, report: Report) -> DrawnPage:
    return DrawnPage(_page(_recorded(request.run, MOST_STEPS, report), request.title))


def _recorded(run: str, most: int, report: Report = lambda done, total: None) -> Recording:
    with RunStore(write=False) as store:
        return record(store, store.find(run), most=most, report=report)


def _page(recording: Recording, title: str) -> bytes:
    return page_file(recording.document, title=title, recording=recording).encode()


def main() -> None:
    """Answer the request on standard input."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the user's own ops print is no answer
    request: Request = pickle.load(sys.stdin.buffer)

    def report(done: int, total: int) -> None:
        pickle.dump((done, total), answers)
        answers.flush()

    found: Answer | NodeflowError
    try:
        load_plugins()
        found = answer(request, report)
    except NodeflowError as error:
        found = error
    with answers:
        pickle.dump(found, answers)


if __name__ == "__main__":
    main()
