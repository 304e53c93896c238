"""`nf.summary`: what summaries of a run hold.

`wire` reads protocol buffers by the published rules, apart from what writes them.
"""

from __future__ import annotations

import io
import itertools
import math
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nodeflow as nf
from nodeflow.errors import RunError
from nodeflow.ops.summaries import messages
from nodeflow.ops.summaries.png import png
from tests.summary.wire import fields


def test_a_scalar_is_one_value_with_the_name_of_its_node() -> None:
    with nf.Graph() as graph:
        with nf.name_scope("train"):
            summary = nf.summary.scalar("loss", nf.constant(2.5))
        zero = nf.summary.scalar("learning-rate x", nf.constant(0), family="my rates")
    with nf.Session(graph) as session:
        data, nothing = session.run([summary, zero])
    assert data == b"\x0a\x11\x0a\x0atrain/loss\x15" + struct.pack("<f", 2.5)
    (value,) = fields(nothing)[1]
    found = fields(value)
    assert found[1] == [b"my_rates/learning-rate_x"]
    assert struct.unpack("<f", found[2][0]) == (0.0,)  # written, though it is the default


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_merged_summaries_are_fetched_with_a_training_step(tier: str) -> None:
    with nf.Graph() as graph:
        w = nf.variable(np.arange(4, dtype="float32"), name="w")
        loss = nf.reduce_sum(nf.square(w))
        nf.summary.scalar("loss", loss)
        nf.summary.histogram("weights", w)
        merged = nf.summary.merge_all()
        train = nf.gradient_descent(loss, learning_rate=0.25)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        data, value, _ = session.run([merged, loss, train])
        values = [fields(v) for v in fields(data)[1]]
        assert [v[1][0] for v in values] == [b"loss", b"weights"]
        assert struct.unpack("<f", values[0][2][0])[0] == value == 14
        assert session.run({"s": merged})["s"] != data
    assert set(fields(values[1][5][0])) == {2, 3, 4, 5, 6, 7}  # a minimum of 0 is left out


def test_merge_all_takes_a_collection_and_a_scope() -> None:
    with nf.Graph().as_default():
        assert nf.summary.merge_all() is None
        a = nf.summary.scalar("a/x", nf.constant(1.0))
        b = nf.summary.scalar("b/x", nf.constant(1.0), collections=["mine"])
        c = nf.summary.scalar("c/x", nf.constant(1.0))
        assert set(nf.summary.merge_all().control_inputs) == {a, c}
        assert set(nf.summary.merge_all("mine").control_inputs) == {b}
        assert set(nf.summary.merge_all(scope="c").control_inputs) == {c}
        both = nf.summary.merge([a, nf.summary.merge([b, c])])
        with nf.Session(both.graph) as session:
            assert len(fields(session.run(both))[1]) == 3


def histogram_of(values) -> dict[int, list]:
    return fields(fields(fields(messages.histogram("h", np.asarray(values)))[1][0])[5][0])


def doubles(data: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(data) // 8}d", data))


def test_a_histogram_counts_as_the_definition_says() -> None:
    values = np.random.default_rng(4).normal(size=500) * 10
    values[:3] = [0.0, 1e-13, -3.0]
    found = histogram_of(values)
    numbers = [doubles(found[i][0])[0] for i in range(1, 6)]
    expected = [values.min(), values.max(), 500, sum(values), sum(v * v for v in values)]
    assert numbers == expected
    limits, counts = doubles(found[6][0]), doubles(found[7][0])
    assert sum(counts) == 500 and limits == sorted(limits)
    low = -sys.float_info.max
    for limit, count in zip(limits, counts, strict=True):
        assert count == sum(low <= v < limit for v in values)
        low = limit
    # no two empty buckets side by side; each limit is 0 or a power of 1.1 times 1e-12
    assert not any(a == b == 0 for a, b in itertools.pairwise(counts))
    for limit in limits[:-1]:
        power = math.log(abs(limit) / 1e-12, 1.1) if limit and abs(limit) < 1e300 else 0.0
        assert power == pytest.approx(round(power), abs=1e-6)


def test_histograms_of_one_value_of_none_and_of_what_is_not_finite() -> None:
    found = histogram_of([1.0])
    assert doubles(found[7][0]) == [0.0, 1.0, 0.0]
    low, high, _ = doubles(found[6][0])
    assert low <= 1.0 < high and high == pytest.approx(low * 1.1)
    empty = histogram_of([])
    assert doubles(empty[1][0]) == [sys.float_info.max] and doubles(empty[7][0]) == [0.0]
    with nf.Graph() as graph:
        nf.summary.histogram("h", nf.constant([1.0, float("nan")]))
    with nf.Session(graph) as session, pytest.raises(RunError, match=r"h: .*not finite"):
        session.run("h")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_are_png_of_the_same_pixels(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, channels), np.uint8)
    picture = np.asarray(Image.open(io.BytesIO(png(pixels))))
    np.testing.assert_array_equal(picture.reshape(pixels.shape), pixels)


def test_pictures_are_scaled_each_by_itself() -> None:
    batch = np.zeros((4, 1, 3, 1), "float32")
    batch[0, 0, :, 0] = [0.0, 1.0, 4.0]
    batch[1, 0, :, 0] = [-2.0, 0.0, 1.0]
    batch[2, 0, :, 0] = [np.nan, 1.0, 2.0]
    with nf.Graph() as graph:
        tensor = nf.constant(batch)
        nf.summary.image("i", tensor)
        nf.summary.image("one", tensor, max_outputs=1)
    with nf.Session(graph) as session:
        several, one = session.run(["i", "one"])
    values = [fields(v) for v in fields(several)[1]]
    assert [v[1][0] for v in values] == [b"i/image/0", b"i/image/1", b"i/image/2"]
    assert fields(fields(one)[1][0])[1] == [b"one/image"]
    pictures = [np.asarray(Image.open(io.BytesIO(fields(v[4][0])[4][0]))) for v in values]
    # of 4 the largest: 255 / 4 each; of -2: 127 / 2 each, around 128; not finite is red's first
    assert [p.tolist() for p in pictures] == [[[0, 63, 255]], [[1, 128, 191]], [[255, 127, 255]]]
    assert {k: v for k, v in fields(values[0][4][0]).items() if k < 4} == {1: [1], 2: [3], 3: [1]}


def test_summaries_are_kept_in_files(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="x")
        nf.summary.scalar("mean", nf.reduce_mean(x))
        nf.summary.histogram("all", x, family="values")
        nf.summary.merge_all().name  # noqa: B018
    nf.save(graph, tmp_path / "a.flow")
    loaded = nf.load(tmp_path / "a.flow")
    feeds = {"x": np.arange(5, dtype="float32")}
    with nf.Session(graph) as one, nf.Session(loaded) as two:
        assert one.run("merge", feeds) == two.run("merge", feeds) != b""
