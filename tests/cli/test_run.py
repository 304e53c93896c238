"""``nodeflow run`` on the shipped examples and on wrong input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from nodeflow.data.pictures.digit_preparation import prepare_mnist
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.resources import example

EXPRESSION = example("expression.flow")
ARRAY = example("expression_array.flow")


def test_the_expression_is_nine(nodeflow):
    result = nodeflow("run", EXPRESSION, "--fetch", "a", "--json")
    assert (result.code, result.json) == (0, {"fetches": {"a": 9.0}})


def test_setting_an_attribute_changes_the_result(nodeflow):
    result = nodeflow("run", EXPRESSION, "--fetch", "a", "--set", "b.value=5", "--json")
    assert result.json == {"fetches": {"a": 18.0}}


def test_without_fetch_what_nothing_consumes_is_computed(nodeflow):
    assert nodeflow("run", EXPRESSION, "--json").json == {"fetches": {"a": 9.0}}
    assert nodeflow("run", EXPRESSION).out == "a = 9.0\n"


def test_several_fetches_of_any_node(nodeflow):
    result = nodeflow("run", EXPRESSION, "--fetch", "d", "--fetch", "e", "--json")
    assert result.json == {"fetches": {"d": 3.0, "e": 3.0}}


def test_an_array_runs_through_the_placeholder_sample(nodeflow):
    result = nodeflow("run", ARRAY, "--fetch", "a", "--json")
    assert result.json["fetches"]["a"] == [[3.0 * k] for k in range(1, 11)]


def test_a_feed_wins_over_the_sample(nodeflow):
    result = nodeflow("run", ARRAY, "--fetch", "a", "--feed", "b=[[1],[2]]", "--json")
    assert result.json["fetches"]["a"] == [[6.0], [9.0]]


def test_any_tensor_can_be_fed(nodeflow):
    result = nodeflow("run", EXPRESSION, "--fetch", "a", "--feed", "d=10", "--json")
    assert result.json == {"fetches": {"a": 30.0}}


def test_feeds_come_from_files_in_the_working_folder(nodeflow, tmp_path):
    np.save(tmp_path / "b.npy", np.array([[1], [2]], "float32"))
    result = nodeflow("run", ARRAY, "--feed", "b=@b.npy", "--json")
    assert result.json["fetches"]["a"] == [[6.0], [9.0]]


def test_both_tiers_print_the_same(nodeflow):
    for tier in ("reference", "compiled", "auto"):
        result = nodeflow("run", EXPRESSION, "--tier", tier, "--json")
        assert result.json == {"fetches": {"a": 9.0}}


def test_not_a_number_is_a_string_in_json(nodeflow):
    result = nodeflow("run", EXPRESSION, "--set", 'b.value="NaN"', "--json")
    assert result.json == {"fetches": {"a": "NaN"}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fetch", "aa"), ("'aa'", "Did you mean a")),
        (("--set", "bb.value=5"), ("'bb'", "Did you mean b")),
        (("--set", "b.valu=5"), ("b:valu", "Did you mean value")),
        (("--set", "b.value=[1, [2]]"), ("b:value",)),
        (("--feed", "b=one"), ("b", "JSON")),
        (("--feed", "q=1"), ("'q'",)),
        (("--feed", "b=@gone.npy"), ("gone.npy",)),
        (("--set", "training.epoch=1"), ("epoch", "Did you mean epochs")),
    ],
)
def test_a_mistake_is_a_message_with_what_to_do(nodeflow, arguments, words):
    result = nodeflow("run", EXPRESSION, *arguments)
    assert (result.code, result.out) == (1, "")
    for word in words:
        assert word in result.err
    assert "Traceback" not in result.err and len(result.err.splitlines()) == 1


def test_a_feed_of_the_wrong_shape_names_what_was_expected(nodeflow):
    result = nodeflow("run", ARRAY, "--feed", "b=[1, 2]")
    assert result.code == 1
    assert "b" in result.err and "(?, 1)" in result.err and "(2,)" in result.err


def test_a_missing_feed_shows_how_to_feed(nodeflow):
    result = nodeflow("run", ARRAY, "--set", "b.sample=null")
    assert result.code == 1
    assert "b" in result.err and "float32" in result.err and "--feed" in result.err


def broken_copy(tmp_path, change):
    data = json.loads(EXPRESSION.read_text())
    change(data)
    path = tmp_path / "broken.flow"
    path.write_text(json.dumps(data))
    return path


def test_mis_wired_dtypes_are_refused_by_node_and_port(nodeflow, tmp_path):
    def change(data):
        node = next(n for n in data["nodes"] if n["name"] == "b")
        node["attrs"] = {"value": 2, "dtype": "int32"}

    path = broken_copy(tmp_path, change)
    result = nodeflow("run", path)
    assert result.code == 1
    assert "int32" in result.err and "float32" in result.err and "Cast" in result.err
    checked = nodeflow("check", path)
    assert checked.code == 1 and "d:" in checked.out


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": "nodeflow"', '{"format": "other", "version": 1}', "\0" * 9,
             '{"format": "nodeflow", "version": 99}', "[" * 100_000]
)  # fmt: skip
def test_a_damaged_file_is_a_message(nodeflow, tmp_path, text):
    (tmp_path / "x.flow").write_text(text)
    for command in ("run", "train", "check"):
        result = nodeflow(command, tmp_path / "x.flow")
        assert result.code == 1
        assert "Traceback" not in result.err + result.out


def test_a_missing_file_is_a_message(nodeflow, tmp_path):
    result = nodeflow("run", tmp_path / "gone.flow")
    assert result.code == 1 and "gone.flow" in result.err


def test_a_name_that_nothing_is_near_lists_what_there_is(nodeflow) -> None:
    result = nodeflow("run", EXPRESSION, "--fetch", "zz")
    assert result.code == 1
    assert "there is no node 'zz'. There are b, c, two, d, e, a." in result.err


@pytest.mark.thorough
def test_a_drawn_digit_is_prepared_as_mnists_were(nodeflow, tmp_path):
    drawn = np.zeros((200, 150), np.uint8)
    drawn[20:180, 70:85] = 255
    Image.fromarray(255 - drawn).save(tmp_path / "one.png")
    run = ("run", example("mnist.flow"), "--feed", "x=@one.png", "--prepare", "mnist", "--json")
    result = nodeflow(*run, "--fetch", "x", "--fetch", "probabilities")
    assert result.code == 0, result.err
    picture = np.reshape(result.json["fetches"]["x"], (28, 28))
    expected = prepare_mnist(drawn / 255)
    np.testing.assert_allclose(picture, expected, atol=1e-6)
    assert np.shape(result.json["fetches"]["probabilities"]) == (1, 10)


@pytest.mark.thorough
def test_weights_find_variables_that_were_renamed_and_grouped_since(nodeflow, tmp_path):
    file, weights = tmp_path / "net.flow", tmp_path / "w.safetensors"
    file.write_bytes(example("spirals").read_bytes())
    trained = nodeflow("train", file, "--epochs", "1", "--save-weights", weights)
    assert trained.code == 0, trained.err
    document = flow.load(file)
    commands.set_weights(document, weights.name)
    flow.save(document, file)
    before = nodeflow("run", file, "--fetch", "loss", "--json")
    first, second = (document.node_named(name).id for name in ("W1", "W2"))
    create(document, [first, document.node_named("b1").id], "layer")
    commands.rename(document, second, "W1")  # as another one was called when they were saved
    flow.save(document, file)
    after = nodeflow("run", file, "--fetch", "loss", "--json")
    assert after.code == 0 and not after.err, after.err
    assert after.lines == before.lines
    initial = nodeflow("run", file, "--fetch", "loss", "--init", "--json")
    assert initial.lines != before.lines
