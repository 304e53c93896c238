"""What a new node obviously takes, and that nothing is guessed where there is a choice."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.data import dataset_placeholders
from nodeflow.document.edit.inserting import insertables
from nodeflow.document.edit.offers.conversions import insert_conversion, offers
from nodeflow.document.edit.offers.fixes import node_fixes
from nodeflow.document.edit.offers.wiring_guess import main_port, takes_from, wire_new
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire


class Net:
    """MNIST's placeholders and a dense layer; `add` adds a node as the window does."""

    def __init__(self) -> None:
        self.doc = Document()
        self.data = insertables.add(self.doc, "dataset", (0, 0))[0]
        dataset_placeholders.complete(self.doc, [self.data])
        self.images, self.labels = self.id("images"), self.id("labels")
        self.dense = self.add("layers/dense", self.images, units=10)

    def id(self, name: str) -> str:
        record = self.doc.node_named(name)
        assert record is not None
        return record.id

    def add(self, op: str, source: str | None = None, port: str = "out", **attrs) -> str:
        analysis = Analysis(self.doc)
        with self.doc.transaction("Add"):
            node = insertables.add(self.doc, op, (0, 0), attrs)[0]
            wire_new(self.doc, analysis, node, None if source is None else (source, port))
        return node

    def into(self, node: str) -> dict[str, str]:
        """In-port -> name of what is wired into it."""
        return {w.target_port: self.doc.nodes[w.source].name for w in self.doc.wires_into(node)}


@pytest.fixture
def net() -> Net:
    return Net()


LOSS, ACCURACY = "softmax_cross_entropy_with_logits", "accuracy"


@pytest.mark.parametrize("start", [None, "dense", "labels"])
def test_a_loss_takes_scores_and_labels(net, start):
    loss = net.add(LOSS, start and net.id(start))
    assert net.into(loss) == {"labels": "labels", "logits": "dense"}


@pytest.mark.parametrize("start", [None, "dense"])
def test_a_metric_beside_a_loss_takes_the_same(net, start):
    net.add(LOSS, net.dense)
    metric = net.add(ACCURACY, start and net.id(start))
    assert net.into(metric) == {"labels": "labels", "predictions": "dense"}


def test_an_optimizer_takes_the_only_loss_as_a_mean(net):
    net.add(LOSS, net.dense)
    net.add(ACCURACY)
    train = net.add("adam")
    assert net.into(train) == {"loss": "reduce_mean"}
    assert net.into(net.id("reduce_mean")) == {"x": LOSS}
    assert not Analysis(net.doc).all_problems()


def test_a_scalar_loss_needs_no_mean(net):
    rows = net.add(LOSS, net.dense)
    mean = net.add("reduce_mean", rows)
    train = net.add("gradient_descent")
    assert net.into(train) == {"loss": "reduce_mean"}
    again = net.add("adam", mean)
    assert net.into(again) == {"loss": "reduce_mean"}, "another optimizer on the same loss"


def test_all_of_it_is_one_undo_step(net):
    net.add(LOSS, net.dense)
    before = dict(net.doc.nodes), dict(net.doc.wires)
    net.add("adam")
    net.doc.undo()
    assert (net.doc.nodes, net.doc.wires) == before


def test_of_two_losses_neither_is_taken(net):
    net.add(LOSS, net.dense)
    net.add(LOSS, net.dense)
    assert net.into(net.add("adam")) == {}


def test_of_two_results_neither_is_taken(net):
    net.add("layers/dense", net.images, units=10)
    assert net.into(net.add(LOSS)) == {"labels": "labels"}


def test_labels_that_do_not_fit_are_not_wired(net):
    wide = net.add("relu", net.add("layers/dense", net.dense, units=3))
    assert net.into(net.add(LOSS, wide)) == {"logits": "relu"}


def test_other_ops_take_only_what_they_were_added_for(net):
    assert net.into(net.add("relu")) == {}
    assert net.into(net.add("relu", net.dense)) == {"x": "dense"}
    assert net.into(net.add("add", net.dense)) == {"x": "dense"}
    assert net.into(net.add("constant", net.dense)) == {}


def test_a_column_called_otherwise_is_no_label():
    doc = Document()
    age = commands.add_node(doc, "placeholder", (0, 0), "age", {"shape": [None, 10]})
    record = insertables.preview(doc, LOSS)
    assert main_port(doc, Analysis(doc), record, (age, "out")) == "logits"
    named = commands.add_node(doc, "placeholder", (0, 0), "target", {"shape": [None, 10]})
    assert main_port(doc, Analysis(doc), record, (named, "out")) == "labels"


def test_a_dataset_stands_for_its_first_placeholder(net):
    record = insertables.preview(net.doc, "layers/dense")
    assert takes_from(net.doc, Analysis(net.doc), record, net.data) == (net.images, "out")
    constant = insertables.preview(net.doc, "constant")
    assert takes_from(net.doc, Analysis(net.doc), constant, net.data) is None


# ---- layers that need something first -----------------------------------------------------------


def test_a_layer_for_pictures_takes_rows_of_pixels_through_a_reshape(net):
    conv = net.add("layers/conv2d", net.images, filters=4)
    assert net.into(conv) == {"x": "reshape"}
    reshape = net.doc.nodes[net.id("reshape")]
    assert reshape.attrs == {"shape": [-1, 28, 28, 1]}
    assert net.into(reshape.id) == {"x": "images"}
    assert str(Analysis(net.doc).type_of(conv, "out")) == "float32 (?, 26, 26, 4)"
    lstm = net.add("layers/lstm", net.images)
    assert net.doc.nodes[net.id("reshape_1")].attrs == {"shape": [-1, 28, 28]}
    assert str(Analysis(net.doc).type_of(lstm, "out")) == "float32 (?, 64)"
    record = insertables.preview(net.doc, "layers/conv2d")
    assert takes_from(net.doc, Analysis(net.doc), record, net.images) == (net.images, "out")


def test_wrong_units_are_wired_and_the_fix_is_offered(net):
    net.doc.undo()  # the layer of ten units
    dense = net.add("layers/dense", net.images)
    loss = net.add(LOSS, dense)
    assert net.into(loss) == {"labels": "labels", "logits": "dense"}
    analysis = Analysis(net.doc)
    assert analysis.problems_of(loss)
    (fix, *_) = node_fixes(net.doc, analysis, loss)
    assert fix.title == "Give dense 10 units"
    fix.apply()
    assert net.doc.nodes[dense].attrs["units"] == 10
    assert not Analysis(net.doc).all_problems()
    net.doc.undo()
    assert net.doc.nodes[dense].attrs["units"] == 64


def test_wrong_units_of_a_drawn_wire_are_offered_too(net):
    net.doc.undo()
    dense = net.add("layers/dense", net.images)
    loss = insertables.add(net.doc, LOSS, (0, 0))[0]
    commands.connect(net.doc, net.labels, "out", loss, "labels")
    wire = Wire(dense, "out", loss, "logits")
    first, *_ = offers(net.doc, Analysis(net.doc), wire)
    assert first.title == "Give dense 10 units"
    insert_conversion(net.doc, first, wire, (0, 0))
    assert net.into(loss) == {"labels": "labels", "logits": "dense"}
    assert not Analysis(net.doc).all_problems()
