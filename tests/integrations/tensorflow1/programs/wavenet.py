"""Dilated causal convolutions, as WaveNet has them, predict the next value of a signal."""

import numpy as np
import tensorflow as tf

CHANNELS, LENGTH = 8, 64
random = np.random.RandomState(0)


def signals(count):
    phase, speed = random.rand(count, 1) * 6.28, 0.2 + 0.2 * random.rand(count, 1)
    t = np.arange(LENGTH + 1)
    return (np.sin(speed * t + phase) + 0.5 * np.sin(2.3 * speed * t))[..., None].astype("float32")


def causal(inputs, filters, rate, name):
    padded = tf.pad(inputs, [[0, 0], [rate, 0], [0, 0]])
    return tf.layers.conv1d(padded, filters, 2, dilation_rate=rate, padding="valid", name=name)


tf.set_random_seed(7)
wave = tf.placeholder(tf.float32, [None, LENGTH + 1, 1], name="wave")
x, wanted = wave[:, :-1], wave[:, 1:]
h, skips = causal(x, CHANNELS, 1, "input"), []
for rate in (1, 2, 4, 8):
    with tf.variable_scope("block_%d" % rate):
        gate = tf.sigmoid(causal(h, CHANNELS, rate, "gate"))
        value = tf.tanh(causal(h, CHANNELS, rate, "filter"))
        z = gate * value
        skips.append(tf.layers.conv1d(z, CHANNELS, 1, name="skip"))
        h = h + tf.layers.conv1d(z, CHANNELS, 1, name="residual")
out = tf.nn.relu(tf.add_n(skips))
predicted = tf.layers.conv1d(out, 1, 1, name="output")
loss = tf.losses.mean_squared_error(wanted[:, 16:], predicted[:, 16:])
train = tf.train.AdamOptimizer(0.01).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    first = sess.run(loss, {wave: signals(50)})
    for step in range(120):
        sess.run(train, {wave: signals(16)})
    final = sess.run(loss, {wave: signals(50)})
