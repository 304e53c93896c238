"""Code of tables whose rows are looked up, and of conditions: it means what the graph means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.exchange.code_targets import code_of
from nodeflow.integrations.code.errors import NotInCode
from nodeflow.resources import example


def words(folder: Path, optimizer: str) -> Task:
    """The example of word vectors, which looks up rows of a table, with another optimizer."""
    source = example("word2vec")
    text = source.read_text(encoding="utf-8")
    was = '{"attrs": {"learning_rate": 0.01}, "id": "n18", "name": "train", "op": "adam"'
    assert was in text
    changed = folder / "words.flow"
    changed.write_text(text.replace(was, optimizer), encoding="utf-8")
    return Task(flow.load(changed), file=source)


def momentum(rows: str) -> str:
    attrs = f'{{"learning_rate": 0.01, "rows": "{rows}"}}'
    return f'{{"attrs": {attrs}, "id": "n18", "name": "train", "op": "momentum"'


def test_tensorflow_moves_all_rows_of_a_table_where_we_do(tmp_path: Path) -> None:
    text = code_of(words(tmp_path, momentum("all")), "words", "tensorflow1").text
    assert "pairs = [(tf.convert_to_tensor(g), v) for g, v in pairs]" in text
    assert "minimize" not in text


@pytest.mark.parametrize("target", ["tensorflow1", "pytorch", "jax"])
def test_an_optimizer_of_looked_up_rows_is_refused(target: str, tmp_path: Path) -> None:
    with pytest.raises(NotInCode, match="only the rows of a lookup") as caught:
        code_of(words(tmp_path, momentum("touched")), "words", target)
    assert caught.value.node == "train"


@pytest.mark.parametrize("target", ["tensorflow1", "pytorch", "jax"])
def test_without_lookups_its_setting_means_nothing(target: str, tmp_path: Path) -> None:
    source = example("mnist")
    text = source.read_text(encoding="utf-8")
    was = '"op": "gradient_descent"'
    assert text.count(was) == 1
    changed = tmp_path / "mnist.flow"
    changed.write_text(text.replace(was, '"op": "momentum"'), encoding="utf-8")
    document = flow.load(changed)
    (train,) = (node for node in document.nodes.values() if node.op == "momentum")
    plain = code_of(Task(document, file=source), "m", target).text
    text = changed.read_text(encoding="utf-8")
    touched = text.replace('"learning_rate"', '"rows": "touched", "learning_rate"')
    assert touched != text and train.name == "train"
    changed.write_text(touched, encoding="utf-8")
    assert code_of(Task(flow.load(changed), file=source), "m", target).text == plain


def test_a_vector_that_chooses_columns_does_so_in_tensorflow(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [3, 3], name="x")
        nf.where(nf.constant(np.array([True, False, True])), x, -x, name="out")
    nf.save(graph, tmp_path / "chosen.flow")
    text = code_of(Task(flow.load(tmp_path / "chosen.flow")), "chosen", "tensorflow1").text
    assert "tf.where_v2(" in text and "tf.where(" not in text
