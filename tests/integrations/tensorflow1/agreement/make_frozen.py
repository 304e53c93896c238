"""Write ``frozen.pb`` and ``frozen.npz``: a graph that TensorFlow wrote, its inputs and outputs.

    python tests/integrations/tensorflow1/agreement/make_frozen.py

It runs with a Python that has TensorFlow; nodeflow is not imported. The files that are kept were
made with TensorFlow 2.21.0.
"""

from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

HERE = Path(__file__).parent
OUTPUTS = ("softmax", "best", "more", "normed", "spread", "resized", "parts:1", "mixed")


def build(random: np.random.RandomState) -> None:
    """Build a network with the ops of old image classifiers."""

    def weights(*shape: int) -> tf.Tensor:
        return tf.constant((random.randn(*shape) * 0.3).astype("float32"))

    x = tf.placeholder(tf.float32, [None, 8, 8, 3], name="input")
    y = tf.nn.conv2d(x, weights(3, 3, 3, 6), [1, 1, 1, 1], "SAME", name="conv")
    y = tf.nn.lrn(tf.nn.relu(tf.nn.bias_add(y, weights(6))), 2, 1.0, 0.1, 0.75, name="lrn")
    y = tf.nn.max_pool(y, [1, 2, 2, 1], [1, 2, 2, 1], "SAME", name="pool")
    one = tf.nn.relu6(tf.nn.conv2d(y, weights(1, 1, 6, 4), [1, 1, 1, 1], "VALID"))
    deep = tf.nn.depthwise_conv2d(y, weights(3, 3, 6, 1), [1, 1, 1, 1], "SAME")
    normed, _, _ = tf.nn.fused_batch_norm(
        deep, weights(6), weights(6), weights(6), tf.abs(weights(6)), is_training=False
    )
    tf.identity(normed, name="normed")
    joined = tf.concat([one, normed], 3)
    flat = tf.reshape(tf.nn.avg_pool(joined, [1, 4, 4, 1], [1, 1, 1, 1], "VALID"), [-1, 10])
    logits = tf.matmul(flat, weights(5, 10), transpose_b=True) + weights(5)
    scores = tf.nn.softmax(logits, name="softmax")
    tf.argmax(scores, 1, name="best")
    centred = tf.transpose(
        tf.pad(logits - tf.reduce_mean(logits, 1, keepdims=True), [[0, 0], [1, 2]])
    )
    tf.squeeze(tf.expand_dims(centred, 0), [0], name="more")
    spread = tf.sqrt(tf.reduce_sum(tf.square(joined), [1, 2]) + 1e-3)
    tf.divide(spread, tf.reduce_max(spread, 1, keepdims=True), name="spread")
    tf.image.resize_bilinear(x, [5, 11], name="resized")
    tf.split(joined, 2, axis=3, name="parts")
    whole = tf.cast(tf.cast(10 * logits, tf.int32), tf.float32)
    tf.stack([tf.tanh(whole), tf.sigmoid(logits), tf.nn.elu(logits)], 1, name="mixed")


def main() -> None:
    tf.disable_v2_behavior()
    random = np.random.RandomState(0)
    images = random.randn(2, 8, 8, 3).astype("float32")
    with tf.Graph().as_default() as graph, tf.Session() as session:
        build(random)
        names = [name if ":" in name else f"{name}:0" for name in OUTPUTS]
        found = session.run(names, {"input:0": images})
        (HERE / "frozen.pb").write_bytes(graph.as_graph_def().SerializeToString())
    np.savez_compressed(HERE / "frozen.npz", images=images, **dict(zip(names, found)))


if __name__ == "__main__":
    main()
