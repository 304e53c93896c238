"""Names and arguments of other libraries: accepted, or answered with what they are here."""

from __future__ import annotations

import doctest
from types import ModuleType

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem
from nodeflow.foreign_names import answers, arguments
from nodeflow.foreign_names.answers import exists_in
from nodeflow.foreign_names.others import OTHERS

EXISTS = exists_in(nf)


@pytest.mark.parametrize("module", [answers, arguments], ids=lambda m: m.__name__)
def test_examples_in_the_documentation(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("sum", "reduce_sum"), ("mean", "reduce_mean"), ("dot", "matmul"), ("mm", "matmul"),
        ("mul", "multiply"), ("Linear", "layers.dense"), ("randn", "random_normal"),
        ("Adam", "adam"), ("Saver", "train.Saver"),
        ("dense", "layers.dense"), ("arange", "range"), ("unsqueeze", "expand_dims"),
    ],
)  # fmt: skip
def test_a_name_of_another_library_is_answered(name: str, ours: str) -> None:
    with pytest.raises(AttributeError, match=rf"It is called nf\.{ours} here\."):
        getattr(nf, name)
    assert EXISTS(ours)


def test_names_in_namespaces_are_answered() -> None:
    with pytest.raises(AttributeError, match=r"It is called nf\.adam here"):
        nf.train.Adam  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing_like_it'$"):
        nf.nothing_like_it  # noqa: B018
    assert not hasattr(nf, "__wrapped__")


@pytest.mark.parametrize("foreign", sorted(OTHERS))
def test_each_name_of_other_libraries_is_unknown_here_and_leads_on(foreign: str) -> None:
    if not EXISTS(foreign):
        with pytest.raises(AttributeError, match=r"It is (called nf|one of Tens)"):
            getattr(nf, foreign)


def test_arguments_of_tensorflow_are_accepted() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 8, 8, 3], name="x")
        w = nf.variable(np.zeros((3, 3, 3, 4), "float32"), name="w")
        same = nf.conv2d(x, w, strides=(2, 1), padding="same")
        for foreign in (
            nf.conv2d(input=x, filters=w, strides=[1, 2, 1, 1], padding="SAME"),
            nf.conv2d(x, w, [1, 2, 1, 1], "SAME", data_format="channels_last"),
            nf.conv2d(x, w, strides=[2, 1], padding="SAME", use_cudnn_on_gpu=True),
        ):
            assert foreign.op.attrs == same.op.attrs and foreign.type == same.type
        pooled = nf.max_pool2d(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
        assert pooled.shape == (None, 4, 4, 3)
        for total in (
            nf.reduce_sum(input_tensor=x, reduction_indices=[1], keep_dims=True),
            nf.reduce_sum(x, dim=1, keepdim=True),
        ):
            assert total.shape == (None, 1, 8, 3)
        a = nf.ones([2, 3])
        assert nf.matmul(a=a, b=nf.ones([2, 4]), transpose_a=True).shape == (3, 4)
        assert nf.concat(concat_dim=1, values=[a, a]).shape == (2, 6)
        assert nf.squeeze(nf.ones([1, 2]), squeeze_dims=[0]).shape == (2,)
        assert nf.random_uniform([2], minval=-1.0, maxval=1.0).op.attrs["low"] == -1.0
        assert nf.softmax(logits=a, dim=1).shape == (2, 3)


def test_padding_may_be_a_border() -> None:
    """TensorFlow's pairs for every axis, and PyTorch's numbers."""
    with nf.Graph():
        x, f = nf.zeros([1, 4, 5, 2]), nf.zeros([3, 3, 2, 4])
        pairs = [[0, 0], [1, 0], [2, 3], [0, 0]]
        made = nf.conv2d(x, f, padding=pairs)
        assert made.node.attrs["pads"] == [[1, 0], [2, 3]] and made.shape == (1, 3, 8, 4)
        assert nf.max_pool2d(x, size=2, strides=1, padding=1).shape == (1, 5, 6, 2)
        assert nf.conv2d(x, f, padding=(0, 1)).shape == (1, 2, 5, 4)
        first = nf.zeros([1, 2, 4, 5])
        moved = [pairs[0], pairs[3], *pairs[1:3]]
        assert nf.conv2d(first, f, padding=moved, layout="NCHW").shape == (1, 4, 3, 8)
        with pytest.raises(AttributeProblem, match="2 pairs"):
            nf.conv2d(x, f, padding=[[1, 0], [1, 0], [2, 3], [0, 0]])


def test_rows_and_channels_of_a_window_must_be_one() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 8, 8, 3], name="x")
        w = nf.variable(np.zeros((3, 3, 3, 4), "float32"), name="w")
        with pytest.raises(nf.errors.AttributeProblem, match="strides"):
            nf.conv2d(x, w, strides=[2, 2, 2, 1])


def test_unknown_arguments_still_say_what_there_is() -> None:
    with nf.Graph(), pytest.raises(nf.errors.AttributeProblem, match="It has axis, keepdims"):
        nf.reduce_sum(nf.ones([2]), wrong=1)
