"""The sizes that layouts reckon with are those that the canvas draws."""

from __future__ import annotations

import pytest

from nodeflow import resources
from nodeflow.document.analysis.declarations import declarations
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.analysis.traversal import downstream
from nodeflow.document.edit import commands, set_flags
from nodeflow.document.io import flow
from nodeflow.document.layout import card_size
from nodeflow.document.layout.text_width import text_width
from nodeflow.document.model.document import Document
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.core.painting import text_metrics


@pytest.mark.parametrize(
    "style", [text_metrics.TITLE, text_metrics.SUBTITLE, text_metrics.PORT, text_metrics.TYPE]
)
@pytest.mark.parametrize(
    "words", ["log_one_minus_p", "Softmax cross entropy with logits", "f32 ?×784", "WAVE To. 19%"]
)
def test_the_table_of_advances_is_that_of_the_fonts(qtbot, style, words):
    size, weight, mono = style
    drawn = text_metrics.width(words, style)
    assert text_width(words, size, weight, mono) == pytest.approx(drawn, rel=0.05)


def test_the_sizes_in_the_rules_are_those_of_the_text_styles():
    styles = (text_metrics.TITLE, text_metrics.SUBTITLE, text_metrics.PORT, text_metrics.TYPE)
    rules = (card_size.TITLE, card_size.SUBTITLE, card_size.PORT, card_size.TYPE)
    assert tuple(style[0] for style in styles) == rules


def check(doc: Document, values=None) -> None:
    analysis = Analysis(doc)
    scene = SceneModel(doc, analysis, lambda *_: None)
    names = {record.name: i for i, record in doc.nodes.items()}
    scene.refresh_cards(
        scene.builder.set_values({names[n]: v for n, v in (values or {}).items() if n in names})
    )
    for node_id, record in doc.nodes.items():
        width, height = scene.sizes[scene.nodes.get(node_id)]
        room = card_size.node_size(doc, record, analysis)
        assert (record.name, width) == (record.name, room[0])
        assert height <= room[1], record.name
    scene.close()


@pytest.mark.thorough
def test_every_op_fits_in_its_room_before_it_has_a_value(qtbot):
    doc = Document()
    for op in declarations():
        commands.add_node(doc, op.id, (0, 0))
    commands.add_node(doc, "hologram", (0, 0), "of_another_version")
    check(doc)


def test_dots_and_collapsed_nodes_are_as_small_as_they_look(qtbot):
    doc = Document()
    for op in ("add", "reroute", "constant"):
        commands.add_node(doc, op, (0, 0))
    set_flags.toggle_collapsed(doc, list(doc.nodes))
    check(doc)


@pytest.mark.sample(5)
@pytest.mark.parametrize("name", [path.stem for path in resources.examples()])
def test_every_node_of_an_example_fits_in_its_room_with_its_value(qtbot, name):
    doc = flow.load(resources.example(name))
    values = Evaluator(doc, base_dir=None).previews().values
    updates = downstream(doc, [i for i, n in doc.nodes.items() if is_optimizer(n.op)])
    shown = {n.name for i, n in doc.nodes.items() if n.op != "dataset" and i not in updates}
    assert shown <= set(values)
    check(doc, values)
