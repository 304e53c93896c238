"""The examples: drawn by their script, readable, without problems, and they do what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from nodeflow import resources
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.layout.layered import node_size
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.generation import generator
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.train.events import Done, Epoch
from nodeflow.train.loop.event_stream import train

NAMES = [
    "autoencoder",
    "char_rnn",
    "expression",
    "expression_array",
    "gan",
    "linear_regression",
    "lstm",
    "mandelbrot",
    "mnist",
    "mnist_adam",
    "mnist_cnn",
    "mnist_cnn_layers",
    "mnist_layers",
    "names",
    "regression",
    "spirals",
    "tiny_gpt",
    "vae",
    "wgan",
    "word2vec",
]


def load(name):
    return flow.load(resources.example(name))


def test_all_examples_are_there():
    assert [path.stem for path in resources.examples()] == NAMES


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_the_script_draws(name):
    script = Path(__file__).resolve().parents[2] / "tools" / "make_examples.py"
    spec = importlib.util.spec_from_file_location("make_examples", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = resources.example(name).read_text(encoding="utf-8")
    assert module.text_of(name) == text
    assert flow.dumps(flow.loads(text)) == text


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_no_problems(name):
    doc = load(name)
    assert [str(p) for p in Analysis(doc).all_problems()] == []
    assert [str(p) for p in build(doc).problems] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_tidy_and_says_what_to_try(name):
    doc = load(name)
    analysis = Analysis(doc)
    frames = list(doc.frames.values())
    assert frames[0].note and "\nTry: " in frames[0].note and frames[0].title
    groups = {frame.title: frame.rect for frame in frames[1:]}
    assert "Input" in groups and all(groups)
    boxes = {n.id: (*n.pos, *node_size(doc, n, analysis)) for n in doc.nodes.values()}
    home = {}
    for node_id, (x, y, w, h) in boxes.items():
        inside = [
            title
            for title, (fx, fy, fw, fh) in groups.items()
            if fx < x and fy + 40 < y and x + w < fx + fw and y + h < fy + fh
        ]
        assert len(inside) == 1, doc.nodes[node_id].name
        home[node_id] = inside[0]
    rects = [*boxes.values()]
    for i, (x, y, w, h) in enumerate(rects):
        for x2, y2, w2, h2 in rects[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for wire in doc.wires.values():
        if home[wire.source] == home[wire.target]:
            x, _, width, _ = boxes[wire.source]
            assert x + width < boxes[wire.target][0]


def run(doc, fetch, feeds=None):
    task = Task(doc, feeds=feeds)
    with Session(task.graph, tier="reference") as session:
        session.initialize()
        tensor = task.tensor(fetch)
        return session.run(tensor, task.feeds([tensor]))


def test_expression():
    doc = load("expression")
    assert run(doc, "a") == 9.0 and run(doc, "d") == 3.0
    commands.set_attr(doc, doc.node_named("b").id, "value", 5)
    assert run(doc, "a") == 18.0


def test_expression_array():
    doc = load("expression_array")
    np.testing.assert_array_equal(run(doc, "a"), 3.0 * np.arange(1, 11, dtype="float32")[:, None])
    np.testing.assert_array_equal(run(doc, "a", {"b": [[1], [2]]}), [[6.0], [9.0]])


@pytest.mark.thorough
def test_mandelbrot_counts_the_steps_within_reach():
    """The same by complex numbers; float32 may differ where a point leaves at the very border."""
    found = run(load("mandelbrot"), "mandelbrot")
    across, down = np.arange(-2.25, 0.75, 3 / 256), np.arange(-1.125, 1.125, 3 / 256)
    c = across + 1j * down[:, None]
    z, count = np.zeros_like(c), np.zeros(c.shape)
    for _ in range(30):
        inside = abs(z) <= 2
        count += inside
        z = np.where(inside, z * z + c, z)
    assert found.shape == (192, 256) and found.dtype == np.float32
    assert np.mean(np.abs(found - np.log1p(count)) > 1e-5) < 0.002


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Only the data that comes with the project."""
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)
    for folder in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(folder, str(tmp_path))


def trained(name, **settings):
    """Epoch events, variables and the last metrics of a training by the numpy interpreter."""
    doc = load(name)
    if settings:
        commands.set_training(doc, **settings)
    task = Task(doc)
    with Session(task.graph, tier="reference", seed=doc.training["seed"]) as session:
        session.initialize()
        events = list(train(session, task.training()))
        values = {name: np.asarray(v) for name, v in dict(session.variables).items()}
    assert isinstance(events[-1], Done)
    return [e for e in events if isinstance(e, Epoch)], values


@pytest.mark.thorough
def test_linear_regression_finds_the_line():
    epochs, values = trained("linear_regression")
    assert values["slope"] == pytest.approx(2, abs=0.1)
    assert values["offset"] == pytest.approx(-1, abs=0.1)
    assert epochs[-1].loss < 0.02 < epochs[0].loss


@pytest.mark.thorough
def test_regression_comes_near_the_noise():
    epochs, _ = trained("regression")
    assert epochs[-1].metrics["loss"] < 0.03 and epochs[-1].loss < 0.03


@pytest.mark.thorough
def test_spirals_are_told_apart():
    epochs, _ = trained("spirals")
    assert epochs[-1].metrics["accuracy"] > 0.95


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["mnist", "mnist_adam"])
def test_digits_are_learned_from_the_embedded_images(name, offline):
    epochs, values = trained(name, epochs=3)
    assert values["W1"].shape == (784, 300) and values["b2"].shape == (10,)
    assert [e.steps for e in epochs] == [40, 80, 120]
    assert epochs[2].loss < epochs[0].loss and epochs[2].metrics["accuracy"] > 0.85


@pytest.mark.thorough
def test_words_of_a_kind_come_to_be_alike():
    """The first lines of the text name the words of each kind, so they are numbered together."""
    _, values = trained("word2vec", epochs=2)
    table = values["embeddings"] / np.linalg.norm(values["embeddings"], axis=1, keepdims=True)
    alike = table @ table.T
    kinds = np.repeat(np.arange(6), 8)  # six kinds of eight words
    same = (kinds[:, None] == kinds) & ~np.eye(48, dtype=bool)
    alike = alike[:48, :48]
    assert alike[same].mean() > 0.5 and alike[kinds[:, None] != kinds].mean() < 0.2
    nearest = (alike - 2 * np.eye(48)).argmax(axis=1)
    assert np.mean(kinds[nearest] == kinds) > 0.95


@pytest.mark.thorough
def test_the_vae_draws_points_of_the_plane_with_the_trained_decoder(offline):
    epochs, values = trained("vae", epochs=2)
    assert epochs[1].loss < epochs[0].loss < 784 * np.log(2)
    assert not any(name.startswith("imagine/") for name in values)
    built = build(load("vae"))
    with Session(built.graph, tier="reference") as session:
        session.initialize()
        for name, value in values.items():
            session.variables[name] = value
        point = np.array([[0.7, -1.2]], "float32")
        found = session.run(built.fetch("imagined"), {built.fetch("point"): point})
    wide = np.maximum(point @ values["decoder/wide/kernel"] + values["decoder/wide/bias"], 0)
    logits = wide @ values["decoder/logits/kernel"] + values["decoder/logits/bias"]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), rtol=1e-4, atol=1e-6)


@pytest.mark.thorough
def test_the_autoencoder_restores_digits(offline):
    (epoch,), values = trained("autoencoder", epochs=1)
    assert values["W2"].shape == (128, 16)
    assert epoch.metrics["loss"] < 0.07 < epoch.loss, "a grey mean picture has a loss of 0.067"


@pytest.mark.thorough
def test_digits_are_learned_by_layers(offline):
    epochs, values = trained("mnist_layers", epochs=3)
    assert values["hidden/kernel"].shape == (784, 300) and values["logits/bias"].shape == (10,)
    assert epochs[2].loss < epochs[0].loss and epochs[2].metrics["accuracy"] > 0.85


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["mnist_cnn", "mnist_cnn_layers", "lstm"])
def test_deeper_networks_start_from_chance(name, offline):
    """Ten classes and small weights: a loss near log 10, and logits of all rows."""
    doc = load(name)
    commands.set_training(doc, batch_size=8)
    loss, logits = run(doc, "loss"), run(doc, "logits")
    assert logits.shape == (8, 10) and 1.5 < loss < 4


def test_mnist_is_the_network_of_the_tutorial(offline):
    """The loss at the start equals a formula in numpy on the same values."""
    doc = load("mnist")
    task = Task(doc)
    names = ["loss", "accuracy", "x", "y", "W1", "b1", "W2", "b2"]
    tensors = [task.tensor(name) for name in names]
    with Session(task.graph, tier="reference", seed=1) as session:
        session.initialize()
        loss, accuracy, x, y, w1, b1, w2, b2 = session.run(tensors, task.feeds(tensors))
    x, y, w1, b1, w2, b2 = (np.asarray(v, np.float64) for v in (x, y, w1, b1, w2, b2))
    z = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    p = np.exp(z - z.max(1, keepdims=True))
    p = np.clip(p / p.sum(1, keepdims=True), 1e-10, 0.9999999)
    expected = -np.mean(np.sum(y * np.log(p) + (1 - y) * np.log(1 - p), axis=1))
    assert x.shape == (100, 784) and x.min() >= 0 and x.max() == 1
    assert loss == pytest.approx(expected, rel=1e-5)
    assert accuracy == pytest.approx(np.mean(p.argmax(1) == y.argmax(1)), abs=1e-6)
    assert w1.std() == pytest.approx(0.03, rel=0.02) and w1.mean() == pytest.approx(0, abs=5e-4)
    assert w2.std() == pytest.approx(0.03, rel=0.06) and 0.85 < b1.std() < 1.15
    train_node = task.graph.node("train")
    assert train_node.op.id == "gradient_descent" and train_node.attrs["learning_rate"] == 0.5
    assert doc.training["epochs"] == 10 and doc.training["batch_size"] == 100


def gpt_of_numpy(v, tokens):
    """The logits and the two pictures of attention, from the formulas alone."""

    def norm(x, name):
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
        return scaled * v[f"{name}/gamma"] + v[f"{name}/beta"]

    def dense(x, name):
        return x @ v[f"{name}/kernel"] + v.get(f"{name}/bias", 0.0)

    epsilon = 0.001  # Keras's
    x = v["letters/embeddings"][tokens] + v["places"]
    later = np.triu(np.ones((tokens.shape[1],) * 2, bool), 1)
    looks = []
    for n in (1, 2):
        normed = norm(x, f"norm{n}")
        query, key, value = (dense(normed, f"{part}{n}") for part in ("query", "key", "value"))
        scores = 30 * np.tanh(query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1]) / 30)
        weights = np.exp(np.where(later, -np.inf, scores))
        weights /= weights.sum(axis=-1, keepdims=True)
        looks.append(weights)
        x = x + dense(weights @ value, f"mixed{n}")
        wide = np.maximum(dense(norm(x, f"norm_of_read{n}"), f"wide{n}"), 0)
        x = x + dense(wide, f"narrow{n}")
    return dense(norm(x, "norm"), "logits"), looks


def test_the_tiny_gpt_computes_what_its_formulas_say(offline):
    task = Task(load("tiny_gpt"))
    with Session(task.graph, tier="reference", seed=5) as session:
        session.initialize()
        names = ("loss", "logits", "looks_at1", "looks_at2")
        fetches = [task.tensor(name) for name in names]
        feeds = {t: rows[:3] for t, rows in task.feeds(fetches).items()}
        loss, logits, *looks = (np.asarray(x, np.float64) for x in session.run(fetches, feeds))
        variables = {n: np.asarray(a, np.float64) for n, a in session.variables.items()}
    tokens, following = (feeds[task.tensor(name)] for name in ("tokens", "next"))
    wanted, pictures = gpt_of_numpy(variables, tokens)
    np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-4)
    for look, picture in zip(looks, pictures, strict=True):
        np.testing.assert_allclose(look, picture, atol=1e-5)
    right = np.take_along_axis(wanted, following[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(loss, (np.log(np.exp(wanted).sum(-1)) - right).mean(), rtol=1e-5)


@pytest.mark.thorough
def test_invented_names_look_like_names(offline):
    _, variables = trained("names")
    task = Task(load("names"))
    with Session(task.graph, tier="reference") as session:
        session.initialize()
        session.variables.update(variables)
        text = "".join(token.text for token in generator(task, session, length=2000))
    found, known = text.split(), resources.resource("data/names.txt").read_text().split()
    assert 4 < np.mean([len(name) for name in found]) < 8
    endings = {name[-2:] for name in known}
    assert np.mean([name[-2:] in endings for name in found]) > 0.8
