"""Settings typed behind an op's name in the search."""

from __future__ import annotations

from functools import partial

import pytest

from nodeflow.document.analysis.declarations import declarations
from nodeflow.ui.popups.search import op_settings
from nodeflow.ui.popups.search.op_query import by_category, ranked


def find(text: str):
    ops = [op for ops in by_category(declarations()).values() for op in ops]
    return op_settings.split(text, lambda words: ranked(words, ops))


@pytest.mark.parametrize(
    ("text", "op", "settings"),
    [
        ("dense 300 relu", "layers/dense", {"units": 300, "activation": "relu"}),
        ("dense relu 300", "layers/dense", {"units": 300, "activation": "relu"}),
        ("fully connected 10", "layers/dense", {"units": 10}),
        ("dense 10 use_bias=false", "layers/dense", {"units": 10, "use_bias": False}),
        (
            "conv2d 16 3x5 same relu", "layers/conv2d",
            {"filters": 16, "kernel_size": [3, 5], "padding": "same", "activation": "relu"},
        ),
        ("dense 30 rel", "layers/dense", {"units": 30, "activation": "relu"}),
        ("conv2d 8 5x", "layers/conv2d", {"filters": 8, "kernel_size": [5]}),
        ("dropout 0.3", "dropout", {"rate": 0.3}),
        ("adam 0.01", "adam", {"learning_rate": 0.01}),
        ("cast int32", "cast", {"dtype": "int32"}),
    ],
)  # fmt: skip
def test_they_are_read(text, op, settings):
    found, given = find(text)[0]
    assert (found.id, given) == (op, settings)


@pytest.mark.parametrize("text", ["dense 0", "dense 1.5", "dense relu relu", "dense units=x"])
def test_what_an_op_does_not_take_finds_nothing_of_it(text):
    assert "layers/dense" not in [op.id for op, _ in find(text)]


def test_a_row_says_them():
    words = partial(op_settings.words)
    assert words({"units": 300, "activation": "relu"}) == "units 300, relu"
    assert words({"kernel_size": [3, 5]}) == "kernel size 3×5"


def test_a_value_that_the_op_does_not_take_offers_no_other_op():
    assert find("dense 0") == []
