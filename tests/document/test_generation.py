"""Writing text: the same tokens as a loop over session.run, in Python and on the command line."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.starters.drawing import Drawing
from nodeflow.document.to_graph.generation import generator
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.engine.threefry_streams import Stream
from nodeflow.errors import ArgumentProblem, FetchError, RunError

TEXT = "the quick brown fox jumps over the lazy dog.\n" * 30
CHARACTERS = sorted(set(TEXT))
SIZE = len(CHARACTERS) + 1
WINDOW = 7
NORMAL = {"op": "random_normal", "stddev": 1.0}


def drawing(tmp_path, **options) -> Drawing:
    """A drawing with the text as data, and its first windows of tokens as placeholder."""
    path = tmp_path / "fox.txt"
    path.write_text(TEXT)
    e = Drawing()
    e.group("Data", "data")
    e.add("dataset", "text", source=f"tokens:{path}", window=WINDOW, splits=[1.0], **options)
    e.add("placeholder", "tokens", dtype="int64", shape=[None, WINDOW])
    e.wire("text:tokens", "tokens:feed")
    e.group("Network", "math")
    return e


def embedded(e: Drawing) -> str:
    return e.add("layers/embedding", "vectors", "tokens", input_dim=SIZE, output_dim=6,
                 embeddings_initializer=NORMAL)  # fmt: skip


def recurrent(tmp_path, kind: str = "gru", **options):
    e = drawing(tmp_path, **options)
    e.add(f"layers/{kind}", "memory", embedded(e), units=5, return_sequences=True)
    e.add("layers/dense", "logits", "memory", units=SIZE, kernel_initializer=NORMAL)
    e.add("generate", "generate", "logits", length=40, seed=3, prompt="the ")
    return e.doc


def feed_forward(tmp_path, **options):
    """An MLP that reads a whole window, after Bengio."""
    e = drawing(tmp_path, targets="last", **options)
    e.add("reshape", "flat", embedded(e), shape=[-1, 6 * WINDOW])
    e.add("layers/dense", "logits", "flat", units=SIZE, kernel_initializer=NORMAL)
    e.add("generate", "generate", "logits", length=40, seed=3)
    return e.doc


def attentive(tmp_path):
    e = drawing(tmp_path)
    e.add("layers/multi_head_attention", "attention", embedded(e), num_heads=2, causal=True)
    e.add("layers/dense", "logits", "attention", units=SIZE, kernel_initializer=NORMAL)
    e.add("generate", "generate", "logits", length=40, seed=3, prompt="the quick ")
    return e.doc


def opened(document):
    task = Task(document)
    session = Session(task.graph, tier="reference", seed=1)
    session.initialize()
    return task, session


def numbers(text: str) -> list[int]:
    return [CHARACTERS.index(c) + 1 for c in text]


def chosen(probabilities, seed: int, count: int) -> int:
    """Draw as the documentation says, in plain Python."""
    wanted = [0.0, *map(float, probabilities[1:])]  # what is unknown is never written
    point = float(Stream(seed, "generate", count).uniform((), "float64"))
    total, sums = 0.0, []
    for p in wanted:
        total += p
        sums.append(total)
    return next(i for i, s in enumerate(sums) if s > point * total)


def looped(document, prompt: str, length: int, seed: int, whole: bool = True, by_line=False):
    """Write with a plain loop over session.run: the last window, filled up by line ends."""
    task, session = opened(document)
    tokens, out = task.tensor("tokens"), task.tensor("generate")
    end = CHARACTERS.index("\n") + 1
    written = numbers(prompt) or [end]
    first = len(written)
    for count in range(length):
        context = written[-WINDOW:]
        if by_line:
            since = len(written) - 1 - written[::-1].index(end)
            context = written[since:][-WINDOW:]
        fill = [end] * (WINDOW - len(context))
        row = context + fill if whole else fill + context
        found = session.run(out, {tokens: [row]})[0]
        written.append(chosen(found[len(context) - 1] if whole else found, seed, count))
    return written[first:]


def stepped(document, kind: str, prompt: str, length: int, seed: int) -> list[int]:
    """Write with numpy's formula of the gated layer, whose state goes from token to token."""
    _, session = opened(document)
    v = {name: np.asarray(value, np.float64) for name, value in session.variables.items()}
    h = np.zeros(5)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    written: list[int] = []
    todo = numbers(prompt)
    while len(written) < length:
        for token in todo:
            p = v["vectors/embeddings"][token] @ v["memory/kernel"] + v["memory/bias"]
            r = h @ v["memory/recurrent_kernel"]
            if kind == "rnn":
                h = np.tanh(p + r)
                continue
            z = sigmoid(p[:5] + r[:5])
            n = np.tanh(p[10:] + sigmoid(p[5:10] + r[5:10]) * r[10:])
            h = (1 - z) * n + z * h
        scores = np.exp(h @ v["logits/kernel"] + v["logits/bias"])
        written.append(chosen(scores / scores.sum(), seed, len(written)))
        todo = written[-1:]
    return written


def tokens_of(document, **options) -> list[int]:
    task, session = opened(document)
    return [token.number for token in generator(task, session, **options)]


@pytest.mark.parametrize("kind", ["gru", "rnn"])
def test_a_recurrent_network_keeps_its_state_as_in_numpy(tmp_path, kind):
    document = recurrent(tmp_path, kind)
    task, session = opened(document)
    found = generator(task, session)
    assert found.keeps_state
    assert [t.number for t in found] == stepped(document, kind, "the ", 40, 3)


def test_an_lstm_keeps_its_state_within_the_first_window(tmp_path):
    document = recurrent(tmp_path, "lstm")
    kept = tokens_of(document, length=WINDOW - 4)
    assert kept == looped(document, "the ", WINDOW - 4, 3)
    assert generator(*opened(document)).keeps_state


def test_without_state_the_last_window_is_read_again(tmp_path):
    document = recurrent(tmp_path)
    assert tokens_of(document, keep_state=False) == looped(document, "the ", 40, 3)
    assert tokens_of(document, keep_state=False) != tokens_of(document)


def test_attention_reads_the_last_window(tmp_path):
    document = attentive(tmp_path)
    assert not generator(*opened(document)).keeps_state
    assert tokens_of(document) == looped(document, "the quick ", 40, 3)
    short = tokens_of(document, prompt="th", length=3)
    assert short == looped(document, "th", 3, 3)


@pytest.mark.parametrize("lines", [False, True])
def test_a_network_that_predicts_once_reads_a_window_that_ends_with_the_last_token(tmp_path, lines):
    document = feed_forward(tmp_path, texts="lines" if lines else "whole")
    assert tokens_of(document) == looped(document, "", 40, 3, whole=False, by_line=lines)


def test_the_same_seed_gives_the_same_text_and_another_one_another(tmp_path):
    document = recurrent(tmp_path)
    assert tokens_of(document) == tokens_of(document) != tokens_of(document, seed=4)
    text = "".join(token.text for token in generator(*opened(document)))
    assert numbers(text) == tokens_of(document)


def test_temperature_and_top_k_limit_the_choice(tmp_path):
    document = recurrent(tmp_path)
    set_value(document, "generate", "temperature", 0.0)
    task, session = opened(document)
    assert all(token.probability == 1 for token in generator(task, session))
    set_value(document, "generate", "temperature", 2.0)
    set_value(document, "generate", "top_k", 2)
    task, session = opened(document)
    probabilities = session.run(task.tensor("generate"), {task.tensor("tokens"): [[1] * WINDOW]})
    assert ((probabilities > 0).sum(axis=-1) == 2).all()
    logits = session.run(task.tensor("logits"), {task.tensor("tokens"): [[1] * WINDOW]})[0, 0]
    best = np.sort(logits)[-2:].astype(np.float64) / 2
    wanted = np.exp(best) / np.exp(best).sum()
    np.testing.assert_allclose(np.sort(probabilities[0, 0])[-2:], wanted, rtol=1e-5)


def test_what_cannot_write_says_why(tmp_path):
    e = drawing(tmp_path)
    e.add("layers/dense", "logits", embedded(e), units=SIZE + 1)
    e.add("generate", "generate", "logits")
    with pytest.raises(ArgumentProblem, match=f"scores {SIZE + 1} tokens, and the text has {SIZE}"):
        generator(*opened(e.doc))
    with pytest.raises(FetchError, match="no node 'writes'"):
        generator(*opened(e.doc), "writes")
    e = drawing(tmp_path)
    with pytest.raises(FetchError, match="no node that generates"):
        generator(*opened(e.doc))
    e.add("constant", "scores", dtype="float32", value=[0.0, 1.0])
    e.add("generate", "alone", "scores")
    with pytest.raises(FetchError, match="no column of a text data set"):
        generator(*opened(e.doc))
    document = recurrent(tmp_path)
    task, session = opened(document)
    session.variables["logits/bias"] = np.full(SIZE, np.nan, np.float32)
    with pytest.raises(RunError, match="not finite"):
        list(generator(task, session))
    with pytest.raises(ArgumentProblem, match="no text data set"):
        nf.train.generate(nf.Session(nf.Graph()))
