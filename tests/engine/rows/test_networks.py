"""How the rows of a batch go through training steps: alone, joined, or mixed."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.rows import COUNTED, JOINED, SAME, Rows
from nodeflow.engine.schedule.schedule import is_variable
from nodeflow.ops.layers.functions.pooling_functions import max_pooling2d
from nodeflow.ops.training.optimizers import AdamOptimizer, GradientDescentOptimizer
from nodeflow.resources import examples
from tests.engine.graphs import network
from tests.engine.rows.flows import ROWS, flow_of

TRAINED = [path for path in examples() if flow.load(path).training.get("optimizer")]


def test_the_classic_network_joins_its_loss_and_the_gradients_of_its_weights():
    net = network(sizes=(7, 5, 3))
    found = flow_of([net.train, net.loss], {net.x: 4, net.y: 4})
    assert found.first_mixing is None
    assert found.state(net.probabilities) == ROWS
    assert found.state(net.loss) is JOINED
    assert all(slot_state is JOINED for slot_state in written(found))
    assert found.joining == {"matmul", "reduce_mean", "sum_to_shape_of"}
    assert set(found.joins.values()) == {("sum",), ("mean",)}


def written(found):
    """The states of what a step writes into variables."""
    return [found.found.states[slot] for slot in found.schedule.writes.values()]


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_the_step_of_every_example_treats_rows_alone_up_to_joins(path):
    task = Task(flow.load(path))
    training = task.training()
    size = training.batch_size
    found = flow_of([training.optimizer, training.loss], dict.fromkeys(training.bindings, size))
    if training.bindings:
        assert found.first_mixing is None
        assert found.state(training.loss) is JOINED
        assert JOINED in written(found)


@pytest.mark.thorough
def test_batch_norm_joins_its_statistics_forward_and_backward():
    with nf.Graph():
        x = nf.placeholder("float32", [None, 6, 6, 1], name="x")
        y = nf.placeholder("int64", [None], name="y")
        picture = nf.layers.conv2d(x, 4, 3, padding="same")
        normal = nf.layers.batch_normalization(picture, name="norm")
        pooled = max_pooling2d(nf.relu(normal), 2, 2)
        dropped = nf.dropout(nf.flatten(pooled), rate=0.5)
        logits = nf.layers.dense(dropped, 10)
        loss = nf.reduce_mean(nf.sparse_softmax_cross_entropy(y, logits))
        train = AdamOptimizer().minimize(loss)
    found = flow_of([train, loss], {x: 8, y: 8})
    assert found.first_mixing is None
    assert found.state(normal) == found.state(dropped) == ROWS
    assert all(state is JOINED for state in written(found) if state is not SAME)
    own = {name: kinds for name, kinds in found.joins.items() if name.startswith("norm")}
    assert own and set(own.values()) <= {("mean",), ("sum",)}
    slot = found.schedule.slots.index(loss)
    assert found.found.passes[slot] == 3  # the mean, the variance around it, and the loss


@pytest.mark.thorough
def test_a_transformer_keeps_the_rows_of_its_heads_apart():
    with nf.Graph():
        x = nf.placeholder("int64", [None, 12], name="x")
        y = nf.placeholder("int64", [None, 12], name="y")
        words = nf.layers.embedding(x, 50, 16)
        block = nf.layers.transformer_block(words, num_heads=4, units=32)
        logits = nf.layers.dense(block, 50)
        loss = nf.reduce_mean(nf.sparse_softmax_cross_entropy(y, logits))
        train = AdamOptimizer().minimize(loss)
    found = flow_of([train, loss], {x: 6, y: 6})
    assert found.first_mixing is None
    assert found.state(logits) == ROWS
    assert set(written(found)) == {JOINED, SAME}


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_a_loop_over_time_carries_rows(kind):
    with nf.Graph():
        x = nf.placeholder("float32", [None, 9, 3], name="x")
        y = nf.placeholder("float32", [None, 4], name="y")
        made = getattr(nf.layers, kind)(x, 4)
        loss = nf.mean_squared_error(y, made if not isinstance(made, (tuple, list)) else made[0])
        train = GradientDescentOptimizer(0.1).minimize(loss)
    found = flow_of([train, loss], {x: 5, y: 5})
    assert found.first_mixing is None
    assert found.state(loss) is JOINED
    assert set(written(found)) == {JOINED}


def test_rows_that_share_an_axis_with_words_are_followed():
    with nf.Graph():
        x = nf.placeholder("float32", [None, 4, 3], name="x")
        flat = nf.reshape(x, [-1, 3])
        turned = nf.reshape(nf.transpose(x, perm=[1, 0, 2]), [-1, 3])
        tiled = nf.tile(x, [2, 1, 1])
        back = nf.reshape(turned, [4, -1, 3])
    found = flow_of([flat, turned, tiled, back], {x: 5})
    assert found.state(flat) == Rows(0, 1, 4)
    assert found.state(turned) == Rows(0, 4, 1)
    assert found.state(tiled) == Rows(0, 2, 1)
    assert found.state(back) == Rows(1)


def test_batches_one_after_the_other_are_followed_and_taken_apart():
    with nf.Graph():
        x = nf.placeholder("float32", [5, 3], name="x")
        both = nf.concat([x, x * 2, x], axis=0)
        first, rest = nf.split(nf.relu(both), [5, 10])
        second = both[5:10]
        across = both[3:8]
    found = flow_of([both, first, rest, second, across], {x: 5})
    assert found.state(both) == Rows(0, 3, 1)
    assert found.state(first) == found.state(second) == ROWS
    assert found.state(rest) == Rows(0, 2, 1)
    assert found.first_mixing == (across.node.name, "takes some of the rows")


def test_what_follows_from_the_number_of_rows_is_counted_or_has_rows():
    with nf.Graph():
        x = nf.placeholder("float32", [None, 3], name="x")
        size = nf.shape(x)[0]
        start = nf.zeros(nf.stack([size, 4]))
        noise = nf.random_normal(nf.shape(x))
        numbers = nf.range(size)
        token = nf.tile(nf.ones([1, 2]), nf.stack([size, 1]))
        added = x + nf.cast(nf.expand_dims(numbers, 1), "float32")
    found = flow_of([start, noise, numbers, token, added], {x: 5})
    assert found.state(size) is COUNTED
    assert found.state(start) == found.state(noise) == found.state(token) == ROWS
    assert found.state(numbers) is COUNTED
    assert found.state(added) == ROWS
    sliced = {found.schedule.slots[s].node.op.id: rows for s, rows in found.found.sliced.items()}
    assert list(sliced.values()) == [ROWS]


def build(name):
    """A tensor that mixes the rows of x, and what says so."""
    x = nf.placeholder("float32", [None, 3], name="x")
    y = nf.placeholder("int32", [None], name="y")
    made = {
        "sort": lambda: nf.sort(x, axis=0),
        "argmax": lambda: nf.argmax(x, axis=0),
        "gather": lambda: nf.gather(x, [0, 0, 1]),
        "gather_by_rows": lambda: nf.gather(x, y),
        "outer": lambda: nf.matmul(x, x, transpose_y=True),
        "differences": lambda: nf.expand_dims(x, 0) - nf.expand_dims(x, 1),
        "first_row": lambda: x[0],
        "reverse": lambda: nf.reverse(x, axis=0),
        "cumsum": lambda: nf.cumsum(x, axis=0),
        "concat": lambda: nf.concat([x, nf.ones([1, 3])], axis=0),
        "pad": lambda: nf.pad(x, [[1, 0], [0, 0]]),
        "mask": lambda: nf.boolean_mask(x, y > 0),
        "unique": lambda: nf.unique(y)[0],
        "apart": lambda: nf.reshape(x, [2, 2, 3]),
    }[name]()
    return x, y, made


@pytest.mark.parametrize(
    "name",
    ["sort", "argmax", "gather", "gather_by_rows", "outer", "differences", "first_row", "reverse",
     "cumsum", "concat", "pad", "mask", "unique", "apart"],
)  # fmt: skip
def test_what_mixes_rows_is_named(name):
    with nf.Graph() as graph:
        x, y, made = build(name)
        before = {n.name for n in graph.nodes}
        total = nf.reduce_sum(nf.cast(made, "float32"), name="total")
    found = flow_of([total], {x: 4, y: 4})
    assert found.first_mixing is not None
    node, reason = found.first_mixing
    assert node in before and node not in ("x", "y", "total")
    assert reason and reason[0].islower() and not reason.endswith(".")


def test_a_variable_that_keeps_a_value_of_each_row_is_named():
    with nf.Graph():
        x = nf.placeholder("float32", [4, 3], name="x")
        state = nf.variable(np.zeros((4, 3), "float32"), name="state")
        kept = nf.assign(state, x * 2)
    found = flow_of([kept.node], {x: 4})
    assert found.first_mixing == ("state", "keeps a value of each row")
    assert is_variable(found.found.mixing[0].node)


def test_batches_of_different_size_are_no_batch():
    with nf.Graph():
        x = nf.placeholder("float32", [None, 3])
        y = nf.placeholder("float32", [None, 3])
        made = nf.concat([nf.reduce_sum(x, axis=0), nf.reduce_sum(y, axis=0)], axis=0)
    with pytest.raises(ValueError, match="one known number of rows"):
        flow_of([made], {x: 4, y: 5})
