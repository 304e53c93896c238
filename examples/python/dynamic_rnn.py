"""Sequences of different lengths: is it a line that climbs, or random numbers?"""

import numpy as np
import nodeflow.tensorflow1 as tf

LONGEST, HIDDEN = 20, 48


def sequences(rows, seed):
    """Sequences (rows, 20, 1) padded by zeros, labels (rows, 2), and lengths (rows,)."""
    random = np.random.RandomState(seed)
    data = np.zeros((rows, LONGEST, 1), np.float32)
    lengths = random.randint(3, LONGEST + 1, rows).astype(np.int32)
    linear = random.randint(0, 2, rows)
    for row, length in enumerate(lengths):
        start = random.randint(0, 100 - LONGEST)
        numbers = random.randint(0, 100, length)
        if linear[row]:
            numbers = np.arange(start, start + length)
        data[row, :length, 0] = numbers / 100.0
    return data, np.eye(2, dtype=np.float32)[linear], lengths


def main(steps=1500):
    """The share of new sequences that are classified correctly."""
    tf.set_random_seed(1)
    x = tf.placeholder(tf.float32, [None, LONGEST, 1], name="x")
    y = tf.placeholder(tf.float32, [None, 2], name="y")
    lengths = tf.placeholder(tf.int32, [None], name="lengths")

    cell = tf.nn.rnn_cell.GRUCell(HIDDEN)
    outputs, state = tf.nn.dynamic_rnn(cell, x, sequence_length=lengths, dtype=tf.float32)
    with tf.name_scope("last_output"):
        batch = tf.shape(outputs)[0]
        index = tf.range(0, batch) * LONGEST + (lengths - 1)
        last = tf.gather(tf.reshape(outputs, [-1, HIDDEN]), index)
    weights = tf.Variable(tf.random_normal([HIDDEN, 2]), name="weights")
    bias = tf.Variable(tf.random_normal([2]), name="bias")
    logits = tf.matmul(last, weights) + bias
    cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y))
    optimizer = tf.train.AdamOptimizer(learning_rate=0.003)
    grads, variables = zip(*optimizer.compute_gradients(cost))
    grads, norm = tf.clip_by_global_norm(grads, 5.0)
    train = optimizer.apply_gradients(zip(grads, variables))
    right = tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1))
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32))

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            data, labels, sizes = sequences(128, step)
            feed = {x: data, y: labels, lengths: sizes}
            _, value, size = sess.run([train, cost, norm], feed_dict=feed)
            if step % 250 == 0:
                print("step %4d  cost %.4f  norm of gradients %.3f" % (step, value, size))
        data, labels, sizes = sequences(1000, 10**6)
        result = sess.run(accuracy, feed_dict={x: data, y: labels, lengths: sizes})
    print("accuracy %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
