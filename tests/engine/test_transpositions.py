"""Networks with channels first: their images are not turned between convolutions, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.plan.draft import Draft
from nodeflow.engine.plan.plan import run_passes
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.ops.lowering import Permute

RNG = np.random.default_rng(11)
X = RNG.normal(size=(2, 3, 8, 10)).astype("f4")


def weight(name, *shape):
    return nf.variable((RNG.normal(size=shape) * 0.4).astype("f4"), name=name)


def conv(x, name, filters):
    kernel = weight(name, filters, x.shape[1], 3, 3)
    return nf.functions.conv2d(x, kernel, pads=1, layout="NCHW", filter_layout="OIHW")


def normalized(x, name):
    """A batch normalisation as imported models have it: its statistics along the channels."""
    count = x.shape[1]
    mean, scale = weight(f"{name}_mean", count, 1, 1), weight(f"{name}_scale", 1, count, 1, 1)
    return (x - mean) * scale + weight(f"{name}_offset", count, 1, 1)


def plain(x):
    h = nf.relu(normalized(conv(x, "a", 4), "n"))
    return nf.tanh(conv(h, "b", 5)) * 2.0


def residual(x):
    h = nf.relu(conv(x, "a", 4))
    return conv(nf.relu(conv(h, "b", 4) + h), "c", 2)


def pooled(x):
    h = nf.functions.max_pool2d(conv(x, "a", 4), size=(2, 2), layout="NCHW")
    gate = nf.reduce_mean(h, axis=[2, 3], keepdims=True)
    return conv(h * nf.sigmoid(gate), "b", 3)


def with_pictures(x):
    """Values that lie with channels first come in: one of each pixel, and a whole one."""
    h = conv(x, "a", 3) * weight("pixels", 8, 10) + x
    return conv(nf.exp(h * 0.1), "b", 3)


def leaving(x):
    """What is between is read otherwise, too."""
    h = nf.relu(conv(x, "a", 4))
    low = conv(h * 0.5, "b", 2)
    return nf.concat([low, nf.reshape(h, [2, 2, 8, 20])[:, :, :, :10]], axis=1)


def two_orders(x):
    """A value in one order meets one in another."""
    h = nf.transpose(nf.relu(conv(x, "a", 3)), perm=[0, 1, 3, 2])
    return nf.transpose(nf.sin(h), perm=[0, 1, 3, 2]) + nf.relu(conv(x, "b", 3))


NETWORKS = [plain, residual, pooled, with_pictures, leaving, two_orders]


def turns(target, without=frozenset()):
    """How many whole images a run turns."""
    schedule = build_schedule([target], [])
    draft = Draft(schedule, schedule.specialise({}), without)
    run_passes(draft, before="copy_fetched")
    types = draft.actions.types
    made = [a.outputs[0] for a in draft.actions.items if isinstance(a.lowering, Permute)]
    return sum(types[slot].shape[0] == 2 for slot in made)


def built(network):
    with nf.Graph() as graph:
        x = nf.placeholder("float32", list(X.shape), name="x")
        out = nf.identity(network(x), name="out")
        loss = nf.reduce_mean(nf.square(out), name="loss")
        nf.gradients(loss, [v for v in graph.variables if v.node.name in "abc"], name="slopes")
    return graph


def test_only_the_first_and_the_last_image_are_turned():
    with nf.Graph():
        x = nf.placeholder("float32", list(X.shape), name="x")
        out = plain(x)
    assert turns(out) == 2
    assert turns(out, frozenset({"transpositions"})) == 4


def test_a_residual_network_turns_twice():
    with nf.Graph():
        out = residual(nf.placeholder("float32", list(X.shape), name="x"))
    assert turns(out) == 2


@pytest.mark.parametrize("network", NETWORKS, ids=lambda each: each.__name__)
def test_no_bit_depends_on_it(network):
    graph = built(network)
    wanted = ["out", "loss", *(t.name for t in graph.node("slopes").outputs)]
    found = []
    for without in ((), ("transpositions",)):
        with nf.Session(graph, tier="compiled", without=without) as session:
            session.initialize()
            found.append(session.run(wanted, {"x": X}))
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        truth = session.run(wanted, {"x": X})
    for ours, other, right in zip(*found, truth, strict=True):
        assert np.asarray(ours).tobytes() == np.asarray(other).tobytes()
        np.testing.assert_allclose(ours, right, rtol=2e-4, atol=2e-5)


def test_what_is_fetched_between_is_as_it_was():
    graph = built(residual)
    names = [n.name for n in graph.nodes if n.op.id == "relu" and n.derived_from is None]
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        wanted = session.run([*names, "out"], {"x": X})
    with nf.Session(graph, tier="compiled") as session:
        session.initialize()
        found = session.run([*names, "out"], {"x": X})
    for ours, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, right, rtol=2e-4, atol=2e-5)


@pytest.mark.thorough
def test_a_training_has_the_same_bits():
    losses = []
    graph = built(residual)
    with graph:
        step = nf.adam(graph.tensor("loss"), learning_rate=0.01)
    for without in ((), ("transpositions",)):
        with nf.Session(graph, tier="compiled", without=without) as session:
            session.initialize()
            losses.append([session.run([step, "loss"], {"x": X})[1].item() for _ in range(6)])
    assert losses[0] == losses[1] and losses[0][-1] < losses[0][0]
