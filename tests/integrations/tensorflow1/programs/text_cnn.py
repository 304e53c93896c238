"""A convolutional network on sentences, as Kim, 2014: filters of three widths, maxima over time."""

import numpy as np
import tensorflow as tf

WORDS, LENGTH, SIZE, FILTERS = 30, 12, 8, 6
random = np.random.RandomState(0)


def sentences(count):
    """Numbers of words; those of class 1 have word 7 followed by word 3 somewhere."""
    x = random.randint(1, WORDS, (count, LENGTH))
    y = random.randint(0, 2, count)
    at = random.randint(0, LENGTH - 1, count)
    for row, place in zip(np.nonzero(y)[0], at[y == 1]):
        x[row, place : place + 2] = 7, 3
    return x, np.eye(2, dtype="float32")[y]


tf.set_random_seed(5)
x = tf.placeholder(tf.int32, [None, LENGTH], name="x")
y = tf.placeholder(tf.float32, [None, 2], name="y")
keep_prob = tf.placeholder(tf.float32, name="keep_prob")

with tf.name_scope("embedding"):
    table = tf.Variable(tf.random_uniform([WORDS, SIZE], -1.0, 1.0), name="table")
    vectors = tf.expand_dims(tf.nn.embedding_lookup(table, x), -1)

pooled = []
for width in (2, 3, 4):
    with tf.name_scope("conv-maxpool-%s" % width):
        W = tf.Variable(tf.truncated_normal([width, SIZE, 1, FILTERS], stddev=0.1), name="W")
        b = tf.Variable(tf.constant(0.1, shape=[FILTERS]), name="b")
        conv = tf.nn.conv2d(vectors, W, strides=[1, 1, 1, 1], padding="VALID", name="conv")
        h = tf.nn.relu(tf.nn.bias_add(conv, b), name="relu")
        pooled.append(
            tf.nn.max_pool(
                h, ksize=[1, LENGTH - width + 1, 1, 1], strides=[1, 1, 1, 1], padding="VALID"
            )
        )
flat = tf.reshape(tf.concat(pooled, 3), [-1, 3 * FILTERS])
with tf.name_scope("dropout"):
    dropped = tf.nn.dropout(flat, keep_prob)
with tf.variable_scope("output"):
    W = tf.get_variable("W", [3 * FILTERS, 2], initializer=tf.glorot_uniform_initializer())
    b = tf.Variable(tf.constant(0.1, shape=[2]), name="b")
    scores = tf.nn.xw_plus_b(dropped, W, b, name="scores")
    losses = tf.nn.softmax_cross_entropy_with_logits_v2(logits=scores, labels=y)
    loss = tf.reduce_mean(losses) + 0.001 * tf.nn.l2_loss(W)
correct = tf.equal(tf.argmax(scores, 1), tf.argmax(y, 1))
accuracy = tf.reduce_mean(tf.cast(correct, "float"), name="accuracy")
train = tf.train.AdamOptimizer(0.01).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(150):
        rows, labels = sentences(64)
        sess.run(train, feed_dict={x: rows, y: labels, keep_prob: 0.8})
    rows, labels = sentences(500)
    final = accuracy.eval({x: rows, y: labels, keep_prob: 1.0})
