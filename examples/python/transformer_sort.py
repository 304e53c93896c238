"""A small transformer that learns to sort. Vaswani and others, Attention Is All You Need, 2017."""

import numpy as np
import nodeflow.tensorflow1 as tf

LENGTH, SYMBOLS, SIZE, HEADS, BATCH = 10, 20, 32, 4, 64


def normalize(x, name):
    """Layer normalization over the last axis."""
    with tf.variable_scope(name):
        mean, variance = tf.nn.moments(x, axes=[-1], keep_dims=True)
        scale = tf.get_variable("scale", [SIZE], initializer=tf.ones_initializer())
        offset = tf.get_variable("offset", [SIZE], initializer=tf.zeros_initializer())
        return scale * (x - mean) * tf.rsqrt(variance + 1e-6) + offset


def split_heads(x):
    """(rows, steps, size) as (rows, heads, steps, size / heads)."""
    return tf.transpose(tf.reshape(x, [-1, LENGTH, HEADS, SIZE // HEADS]), [0, 2, 1, 3])


def attention(x):
    """Every place looks at every other."""
    with tf.variable_scope("attention"):
        query, key, value = (
            split_heads(tf.layers.dense(x, SIZE, use_bias=False, name=name))
            for name in ("query", "key", "value")
        )
        scores = tf.matmul(query, key, transpose_b=True) / np.sqrt(SIZE // HEADS)
        seen = tf.matmul(tf.nn.softmax(scores), value)
        joined = tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), [-1, LENGTH, SIZE])
        return tf.layers.dense(joined, SIZE, name="join")


def block(x, name):
    """Attention and a network for each place, with shortcuts around both."""
    with tf.variable_scope(name):
        x = x + attention(normalize(x, "before_attention"))
        inner = normalize(x, "before_network")
        inner = tf.layers.dense(inner, 4 * SIZE, activation=tf.nn.relu, name="wide")
        return x + tf.layers.dense(inner, SIZE, name="narrow")


def main(steps=1500):
    """The share of symbols of new sequences that are sorted correctly."""
    tf.set_random_seed(1)
    given = tf.placeholder(tf.int32, [None, LENGTH], name="given")
    wanted = tf.placeholder(tf.int32, [None, LENGTH], name="wanted")
    with tf.variable_scope("embed"):
        small = tf.random_normal_initializer(stddev=0.1)
        symbols = tf.get_variable("symbols", [SYMBOLS, SIZE], initializer=small)
        places = tf.get_variable("places", [LENGTH, SIZE], initializer=small)
        x = tf.gather(symbols, given) + places
    for number in range(2):
        x = block(x, "block_%d" % number)
    logits = tf.layers.dense(normalize(x, "last"), SYMBOLS, name="logits")
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=wanted, logits=logits)
    loss = tf.reduce_mean(losses, name="loss")

    global_step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.003, global_step, 500, 0.7)
    train = tf.train.AdamOptimizer(rate).minimize(loss, global_step=global_step)
    right = tf.equal(tf.cast(tf.argmax(logits, -1), tf.int32), wanted)
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32))

    random = np.random.RandomState(1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            numbers = random.randint(0, SYMBOLS, (BATCH, LENGTH))
            feed = {given: numbers, wanted: np.sort(numbers, axis=1)}
            _, value = sess.run([train, loss], feed_dict=feed)
            if step % 300 == 0:
                print("step %4d  loss %.4f" % (step, value))
        numbers = random.randint(0, SYMBOLS, (500, LENGTH))
        result = sess.run(accuracy, {given: numbers, wanted: np.sort(numbers, axis=1)})
    print("sorted correctly: %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
