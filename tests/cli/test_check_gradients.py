"""``nodeflow check-gradients``: text, JSON, exit status."""

from __future__ import annotations

import pytest

from nodeflow.resources import example

PLUGIN = '''
import nodeflow as nf


@nf.op(id="half_square", gradient=lambda g, inputs, output: [g * inputs[0]])
def half_square(x):
    """The square of x, with half of its gradient."""
    return x * x
'''


def test_people_read_a_line_for_each_node(nodeflow):
    result = nodeflow("check-gradients", example("linear_regression"))
    lines = result.out.splitlines()
    assert result.code == 0, result.err
    assert any(line.startswith("squared: right, to a relative error of ") for line in lines)
    assert lines[-1] == f"{len(lines) - 1} nodes checked: all right"


def test_one_node_as_json(nodeflow):
    result = nodeflow("check-gradients", example("linear_regression"), "--node", "loss", "--json")
    (line,) = result.lines
    assert result.code == 0 and (line["node"], line["verdict"]) == ("loss", "right")
    assert line["error"] < 1e-6 and line["dtype"] == "float64" and line["compared"] > 0


@pytest.fixture
def faulty(tmp_path, plugin_files):
    """linear_regression.flow with an own op whose gradient is wrong."""
    (plugin_files / "half.py").write_text(PLUGIN)
    text = example("linear_regression").read_text().replace('"op": "square"', '"op": "half_square"')
    text = text.replace("resource:data/linear.csv", "resource:data/linear.csv")
    (tmp_path / "faulty.flow").write_text(text)
    return tmp_path / "faulty.flow"


@pytest.mark.thorough
def test_a_wrong_gradient_is_exit_status_1(nodeflow, faulty, plugin_files):
    result = nodeflow("check-gradients", faulty, "--plugins", plugin_files)
    assert result.code == 1
    assert "squared: wrong by 50 %" in result.out and "loss: right" in result.out
    assert result.out.splitlines()[-1].endswith("wrong")


def test_a_wrong_name_is_said(nodeflow):
    result = nodeflow("check-gradients", example("linear_regression"), "--node", "los")
    assert result.code == 1 and "Did you mean loss" in result.err and result.out == ""
