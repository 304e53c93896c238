"""`tf.python.client.timeline`: recorded runs as traces."""

from __future__ import annotations

import json

import pytest
from nodeflow.tensorflow1.python.client import timeline

import nodeflow.tensorflow1 as tf
from nodeflow.errors import RunError


def test_a_recorded_run_is_a_trace_with_the_names_of_its_nodes() -> None:
    total = tf.reduce_sum(tf.matmul(tf.ones([8, 4]), tf.ones([4, 3]), name="product"), name="total")
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    metadata = tf.RunMetadata()
    with tf.Session() as session:
        assert session.run(total, options=options, run_metadata=metadata) == 96
    text = timeline.Timeline(metadata.step_stats).generate_chrome_trace_format()
    events = json.loads(text)["traceEvents"]
    assert "total" in {node for event in events for node in event["args"].get("nodes", ())}


def test_a_run_that_was_not_recorded_has_no_trace() -> None:
    with pytest.raises(RunError, match="no recorded run"):
        timeline.Timeline(tf.RunMetadata().step_stats)
