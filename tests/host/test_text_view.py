"""The view of text: the same text as `nodeflow generate`, written a little at a time."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.to_graph.generation import generator
from nodeflow.document.to_graph.task import Task
from nodeflow.drawing.text_layout import CAPTION, width
from nodeflow.drawing.views import text as drawn
from nodeflow.engine.session import Session
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.views.kinds import text
from nodeflow.host.views.view_kind import ViewProblem, discover_kinds
from nodeflow.host.views.watched_views import WatchedViews
from tests.document.test_generation import recurrent

SPEC = p.ViewSpec("text", "generate")


def written(document, **variables) -> str:
    task = Task(document)
    session = Session(task.graph, tier="reference", seed=task.settings.seed)
    session.initialize()
    for name, value in variables.items():
        session.variables[name.replace("__", "/")] = value
    return "".join(token.text for token in generator(task, session))


@pytest.fixture
def document(tmp_path):
    return recurrent(tmp_path)


def finished(source) -> text.TextData:
    data = text.compute(source, SPEC)
    while data.continues:
        data = text.compute(source, SPEC)
    return data


def test_the_view_writes_the_text_of_the_command_line(document):
    source = Evaluator(document).view_source()
    data = finished(source)
    assert (data.prompt, data.written, data.count) == ("the ", written(document), 40)
    assert "the " in drawn.words(data)


def test_it_grows_from_call_to_call_and_begins_again_after_a_change(document, monkeypatch):
    monkeypatch.setattr(text, "SECONDS", 0)
    source = Evaluator(document).view_source()
    texts = [text.compute(source, SPEC).written for _ in range(5)]
    assert [len(t) for t in texts] == [1, 2, 3, 4, 5] and texts[-1].startswith(texts[0])
    changed = np.arange(source.tensor("logits/bias").shape[0], dtype=np.float32)
    read = source.read
    source.read = lambda node: changed if node.name == "logits/bias" else read(node)
    assert text.compute(source, SPEC).count == 1
    monkeypatch.setattr(text, "SECONDS", 10)
    assert finished(source).written == written(document, logits__bias=changed)


def test_a_training_goes_on_writing_with_its_latest_weights(document, monkeypatch):
    monkeypatch.setattr(text, "SECONDS", 0)
    source = Evaluator(document).view_source()
    read, counts = source.read, []
    for step in range(42):
        source.step = step
        bias = np.full(source.tensor("logits/bias").shape[0], step, np.float32)
        source.read = lambda node, b=bias: b if node.name == "logits/bias" else read(node)
        counts.append(text.compute(source, SPEC).count)
    assert counts == [*range(1, 41), 1, 2], "then it begins a new text"


def test_it_is_asked_again_until_the_text_is_whole(document, monkeypatch):
    monkeypatch.setattr(text, "SECONDS", 0)
    evaluator, sent, now = Evaluator(document), [], [0.0]
    source = evaluator.view_source()
    watched = WatchedViews(sent.append, lambda: source, lambda: now[0], lambda: 0.0)
    watched.watch(p.WatchViews((SPEC,), 1))
    while watched.waits:
        now[0] += discover_kinds()["text"].rest
        watched.show_next()
    assert [message.data.count for message in sent] == list(range(1, 41))


def test_after_a_training_the_whole_text_is_written(document, monkeypatch):
    monkeypatch.setattr(text, "SECONDS", 0)
    source, sent, now = Evaluator(document).view_source(), [], [0.0]
    watched = WatchedViews(sent.append, lambda: source, lambda: now[0], lambda: 0.0)
    watched.watch(p.WatchViews((SPEC,), 1))
    for step in (1, 2, 3):
        now[0] += 10
        watched.show_due(step)
    assert [message.data.count for message in sent] == [1, 2, 3] and not watched.waits
    watched.end()
    while watched.waits:
        now[0] += discover_kinds()["text"].rest
        watched.show_next()
    assert sent[-1].data.written == written(document) and not sent[-1].data.continues


def test_edits_of_the_node_change_the_text(document, tmp_path):
    evaluator = Evaluator(document)
    first = finished(evaluator.view_source()).written
    copy = recurrent(tmp_path)
    set_value(copy, "generate", "temperature", 0.1)
    assert finished(Evaluator(copy).view_source()).written == written(copy) != first


def test_other_nodes_have_no_text(document):
    source = Evaluator(document).view_source()
    with pytest.raises(ViewProblem, match="logits does not generate text"):
        text.compute(source, p.ViewSpec("text", "logits"))


def test_lines_hold_every_character_and_fit():
    data = text.TextData("Once ", "upon a time\nthere were words " + "x" * 90, 99, 99, False)
    lines = drawn.text_lines(data, 100)
    assert "".join(line for line, _ in lines) == (data.prompt + data.written).replace("\n", "")
    assert all(width(line.rstrip(), CAPTION) <= 100 for line, _ in lines)
    assert "".join(prompt for _, prompt in lines) == data.prompt
