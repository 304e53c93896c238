"""A small residual network with batch normalisation, and its accuracy by streaming metrics."""

import numpy as np
import tensorflow as tf

SIZE, CLASSES = 12, 4
random = np.random.RandomState(0)
FLAT = [(0, 1), (1, 0), (1, 1), (1, -1)]


def pictures(count):
    """A line of one of four directions, and noise."""
    x = 0.3 * random.rand(count, SIZE, SIZE, 1).astype("float32")
    y = random.randint(0, CLASSES, count)
    for row, kind in enumerate(y):
        i, j = random.randint(4, 8, 2)
        for t in range(-3, 4):
            x[row, i + t * FLAT[kind][0], j + t * FLAT[kind][1]] += 0.7
    return x, y


def residual(x, filters, stride, training, name):
    with tf.variable_scope(name):
        y = tf.layers.conv2d(x, filters, 3, strides=stride, padding="same", use_bias=False)
        y = tf.nn.relu(tf.layers.batch_normalization(y, momentum=0.9, training=training))
        y = tf.layers.conv2d(y, filters, 3, padding="same", use_bias=False)
        y = tf.layers.batch_normalization(y, momentum=0.9, training=training)
        if stride != 1 or x.get_shape().as_list()[-1] != filters:
            x = tf.layers.conv2d(x, filters, 1, strides=stride, padding="same", name="shortcut")
        return tf.nn.relu(x + y)


tf.set_random_seed(11)
images = tf.placeholder(tf.float32, [None, SIZE, SIZE, 1], name="images")
labels = tf.placeholder(tf.int32, [None], name="labels")
training = tf.placeholder_with_default(False, [], name="training")
net = tf.layers.conv2d(images, 8, 3, padding="same", activation=tf.nn.relu)
net = residual(net, 8, 1, training, "block_1")
net = residual(net, 16, 2, training, "block_2")
net = tf.reduce_mean(net, [1, 2])
logits = tf.layers.dense(net, CLASSES)
loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    train = tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True).minimize(loss)
guessed = tf.argmax(logits, axis=1, output_type=tf.int32)
accuracy, update = tf.metrics.accuracy(labels, guessed)
per_class, per_class_update = tf.metrics.mean_per_class_accuracy(labels, guessed, CLASSES)

with tf.Session() as sess:
    sess.run(tf.group(tf.global_variables_initializer(), tf.local_variables_initializer()))
    for step in range(60):
        x, y = pictures(32)
        sess.run(train, {images: x, labels: y, training: True})
    for part in range(3):
        x, y = pictures(100)
        sess.run([update, per_class_update], {images: x, labels: y})
    final, by_class = sess.run([accuracy, per_class])
