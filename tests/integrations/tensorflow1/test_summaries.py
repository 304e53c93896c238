"""`tf.Summary`: the bytes of TensorFlow 2.21.0, and event files."""

from __future__ import annotations

import nodeflow.tensorflow1 as tf

NUMBER = "0a0b0a046c6f7373150000003f"
PICTURE = "0a110a047069637422090802100318042201ff"
HISTOGRAM = (
    "09000000000000f0bf11000000000000004019000000000000084021000000000000f03f29000000000000144032100000000000000000"
    "00000000000000403a10000000000000f03f0000000000000040"
)


def test_a_program_fills_a_summary() -> None:
    number = tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=0.5)])
    assert number.SerializeToString().hex() == NUMBER
    added = tf.Summary()
    added.value.add(tag="loss", simple_value=0.5)
    assert added.SerializeToString().hex() == NUMBER
    image = tf.Summary.Image(height=2, width=3, colorspace=4, encoded_image_string=b"\xff")
    assert (
        tf.Summary(value=[tf.Summary.Value(tag="pict", image=image)]).SerializeToString().hex()
        == PICTURE
    )
    histogram = tf.HistogramProto(
        min=-1, max=2, num=3, sum=1, sum_squares=5, bucket_limit=[0.0, 2.0], bucket=[1, 2]
    )
    assert histogram.SerializeToString().hex() == HISTOGRAM


def test_a_fetched_summary_gets_more_values(tmp_path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        merged = session.run(tf.summary.scalar("a", 2.0))
        summary = tf.Summary.FromString(merged)
        assert [(v.tag, v.simple_value) for v in summary.value] == [("a", 2.0)]
        summary.value.add(tag="b", simple_value=3.0, node_name="b")
        with tf.summary.FileWriter(str(tmp_path), session.graph_def) as writer:
            writer.add_summary(summary, 7)
    (path,) = tmp_path.iterdir()
    assert summary.SerializeToString() in path.read_bytes()
    found = tf.Summary.FromString(summary.SerializeToString())
    assert [(v.tag, v.simple_value, v.node_name) for v in found.value] == [
        ("a", 2.0, ""),
        ("b", 3.0, "b"),
    ]
