"""Helper functions in TensorFlow 1 programs, for ops that need more than one expression."""

from __future__ import annotations

HELPERS = {
    "batch_norm": '''\
def batch_norm(
    x: tf.Tensor,
    scale: tf.Tensor | float,
    offset: tf.Tensor | float,
    moving_mean: tf.Variable,
    moving_variance: tf.Variable,
    momentum: float,
    epsilon: float,
    training: tf.Tensor | bool,
    axis: int = -1,
    unbiased: bool = False,
) -> tf.Tensor:
    """Normalize each feature; UPDATE_OPS get the updates that move the averages."""
    axis %= x.shape.rank
    others = [n for n in range(x.shape.rank) if n != axis]
    mean, variance = tf.nn.moments(x, others)
    target = variance
    if unbiased:
        rows = tf.cast(tf.size(x) // tf.size(mean), x.dtype)
        target = variance * rows / tf.maximum(rows - 1, 1)
    moved = [(moving_mean, mean), (moving_variance, target)]
    for moving, batch in [] if training is False else moved:
        change = (tf.reshape(batch, moving.shape) - moving) * (1 - momentum)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(moving, change))
    shape = [-1 if n == axis else 1 for n in range(x.shape.rank)]

    def used(batch: tf.Tensor, moving: tf.Variable) -> tf.Tensor:
        flat = tf.reshape(moving, tf.shape(batch))
        return tf.reshape(tf.where_v2(training, batch, flat), shape)

    scale = tf.reshape(tf.cast(scale, x.dtype) * tf.ones_like(mean), shape)
    offset = tf.reshape(tf.cast(offset, x.dtype) * tf.ones_like(mean), shape)
    mean, variance = used(mean, moving_mean), used(variance, moving_variance)
    return tf.nn.batch_normalization(x, mean, variance, offset, scale, epsilon)
''',
    "lstm": '''\
def lstm(
    x: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """All outputs, and the last h and c; gates in the order i, f, g, o."""
    sums = tf.tensordot(x, kernel, axes=1) + bias
    h = c = tf.zeros([tf.shape(x)[0], recurrent.shape[0]], x.dtype)
    outputs = []
    for step in tf.unstack(sums, axis=1):
        i, f, g, o = tf.split(step + tf.matmul(h, recurrent), 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        outputs.append(h)
    return tf.stack(outputs, axis=1), h, c
''',
    "gru": '''\
def gru(
    x: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """All outputs, and the last h; gates in the order z, r, n."""
    sums = tf.tensordot(x, kernel, axes=1) + bias
    h = tf.zeros([tf.shape(x)[0], recurrent.shape[0]], x.dtype)
    outputs = []
    for step in tf.unstack(sums, axis=1):
        z, r, n = tf.split(step, 3, axis=1)
        h_z, h_r, h_n = tf.split(tf.matmul(h, recurrent), 3, axis=1)
        n = tf.tanh(n + tf.sigmoid(r + h_r) * h_n)
        h = n + tf.sigmoid(z + h_z) * (h - n)
        outputs.append(h)
    return tf.stack(outputs, axis=1), h
''',
}
