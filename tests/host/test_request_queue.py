"""The queue of requests: what is out of date is dropped, what the user asked for is kept."""

from __future__ import annotations

import queue
import threading

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.records import Change
from nodeflow.errors import EngineBusy
from nodeflow.host import protocol as p
from nodeflow.host.request_queue import MOST_CHANGES, MOST_WAITING, RequestQueue
from tests.host.documents import expression
from tests.host.random_edits import RandomEdits


def waiting(requests: RequestQueue) -> list[p.Request]:
    return [requests.take(0) for _ in range(len(requests))]


def test_newer_requests_for_the_latest_state_replace_older_ones():
    requests = RequestQueue()
    for number in range(5):
        requests.put(p.Evaluate(number, number, follow=True))
        requests.put(p.ShowData(first=number))
        requests.put(p.WatchViews((), number))
    assert waiting(requests) == [
        p.Evaluate(4, 4, follow=True),
        p.ShowData(first=4),
        p.WatchViews((), 4),
    ]


def test_what_the_user_asked_for_is_kept_in_its_order():
    requests = RequestQueue()
    asked = [
        p.Evaluate(1, 1, watch=False),
        p.Train(2),
        p.Pause(),
        p.Step(3),
        p.Stop(),
        p.SaveWeights("w", 3),
        p.LoadWeights("w", 4),
        p.InitializeVariables(),
        p.Evaluate(1, 5, watch=False),
    ]
    for request in asked:
        requests.put(request)
        requests.put(p.Evaluate(1, 99, follow=True))
    live = [r for r in waiting(requests) if not (isinstance(r, p.Evaluate) and r.watch)]
    assert live == asked


def test_a_question_is_not_taken_out_from_before_a_run_that_came_after_it():
    requests = RequestQueue()
    sent = [p.Evaluate(1, 1, follow=True), p.Train(2), p.Evaluate(1, 3, follow=True)]
    for request in sent:
        requests.put(request)
    assert waiting(requests) == sent


def test_a_document_replaces_the_changes_before_it():
    requests = RequestQueue()
    requests.put(p.SyncDocument("old", 1))
    requests.put(p.SyncChange("{}", 2))
    requests.put(p.Evaluate(2, 1))
    requests.put(p.SyncDocument("new", 3, keep=True))
    assert waiting(requests) == [p.SyncDocument("new", 3, keep=False)]


@pytest.mark.thorough
def test_a_thousand_edits_wait_as_few_requests_and_say_the_same():
    document = expression()
    mirror = flow.loads(flow.dumps(document))
    requests, node = RequestQueue(), document.node_named("b").id
    document.subscribe(lambda c: requests.put(p.SyncChange(c.text, c.revision)))
    for number in range(1000):
        commands.set_attr(document, node, "value", float(number))
        requests.put(p.Evaluate(document.revision, number, follow=True))
    assert len(requests) <= MOST_CHANGES + 2
    for request in waiting(requests):
        if isinstance(request, p.SyncChange):
            mirror.apply_change(Change.from_text(request.change))
    assert flow.dumps(mirror) == flow.dumps(document)


@pytest.mark.parametrize("seed", range(5))
def test_joined_changes_make_the_same_document(seed):
    random = RandomEdits(seed)
    document = random.document
    mirror, requests = flow.loads(flow.dumps(document)), RequestQueue()
    document.subscribe(lambda c: requests.put(p.SyncChange(c.text, c.revision)))
    for _ in range(400):
        random.edit()
    assert len(requests) <= MOST_CHANGES
    for request in waiting(requests):
        mirror.apply_change(Change.from_text(request.change))
    assert flow.dumps(mirror) == flow.dumps(document)
    assert mirror.revision == document.revision


def test_too_many_requests_are_refused_and_the_last_one_is_not():
    requests = RequestQueue()
    for number in range(MOST_WAITING):
        requests.put(p.SaveWeights("w", number))
    with pytest.raises(EngineBusy, match="1000 requests wait"):
        requests.put(p.SaveWeights("w", -1))
    requests.put(p.Shutdown())
    assert waiting(requests)[-1] == p.Shutdown()


def test_taking_waits_for_what_another_thread_puts():
    requests = RequestQueue()
    with pytest.raises(queue.Empty):
        requests.take(0.01)
    threading.Timer(0.05, requests.put, [p.Pause()]).start()
    assert requests.take(30) == p.Pause()
