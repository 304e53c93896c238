"""Hints about TensorFlow 1's names, where somebody looks for them in `nf`."""

from __future__ import annotations

from operator import attrgetter

import pytest

import nodeflow as nf
from nodeflow.foreign_names.answers import exists_in
from nodeflow.integrations.tensorflow1.library import LIBRARY
from nodeflow.integrations.tensorflow1.tables.names import ABSENT, RENAMED

EXISTS = exists_in(nf)


def test_the_first_reason_that_fits_counts() -> None:
    assert LIBRARY.answer("sparse_add", EXISTS).reason.startswith("there are no sparse tensors")
    assert LIBRARY.answer("train.shuffle_batch", EXISTS).reason.startswith("a data set feeds")
    assert LIBRARY.answer("math.exp", EXISTS).here == "exp"
    assert LIBRARY.answer("debugging.is_finite", EXISTS).here == "is_finite"
    assert LIBRARY.answer("nn.relu", EXISTS).here == "relu"
    assert LIBRARY.answer("mul", EXISTS).here == "multiply"
    for name in ("random_crop", "depth_to_space", "layers.conv2d", "train.Saver"):
        assert LIBRARY.answer(name, EXISTS).here == name
    assert LIBRARY.answer("image.decode_jpeg", EXISTS).here is None
    assert not set(RENAMED) & {p for patterns in ABSENT.values() for p in patterns.split()}


def test_a_missing_name_is_answered_with_the_reason() -> None:
    with pytest.raises(AttributeError, match=r"tf\.layers\.Layer is not here: its base"):
        nf.layers.Layer  # noqa: B018
    with pytest.raises(AttributeError, match="is not here: a data set feeds placeholders"):
        nf.FIFOQueue  # noqa: B018


@pytest.mark.parametrize(
    "name",
    [
        "flags",
        "contrib",
        "metrics",
        "TensorShape",
        "hessians",
        "select",
        "nn",
        "train.AdamOptimizer",
    ],
)
def test_a_moved_name_says_the_import(name: str) -> None:
    said = f"write `import nodeflow.tensorflow1 as tf` and `tf.{name}`"
    with pytest.raises(AttributeError) as caught:
        attrgetter(name)(nf)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "moved"),
    [("AdamOptimizer", "train.AdamOptimizer"), ("resize_images", "image.resize_images")],
)
def test_the_last_part_of_a_moved_name_says_the_import(name: str, moved: str) -> None:
    with pytest.raises(AttributeError, match=rf"as tf` and `tf\.{moved}`"):
        getattr(nf, name)


def test_a_name_in_a_namespace_that_moved_says_the_import() -> None:
    with pytest.raises(AttributeError, match=r"as tf` and `tf\.contrib`"):
        nf.contrib.layers.conv2d  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_without_the_integration_a_name_is_only_unknown(without) -> None:
    without("tensorflow1")
    with pytest.raises(AttributeError, match="has no attribute 'flags'") as caught:
        nf.flags  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
    assert "tensorflow" not in str(caught.value)
    with pytest.raises(AttributeError, match=r"It is called nf\.reduce_sum here"):
        nf.sum  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
