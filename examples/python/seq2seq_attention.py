"""Reverse a sequence of digits with an encoder, a decoder and attention.

Bahdanau, Cho and Bengio, 2014; here with Luong's dot product.
"""

import numpy as np
import nodeflow.tensorflow1 as tf

LENGTH, SYMBOLS, HIDDEN, BATCH = 8, 10, 64, 64


def attend(query, memory):
    """The memory (rows, steps, hidden), weighted by how well it fits the query (rows, hidden)."""
    scores = tf.reduce_sum(memory * tf.expand_dims(query, 1), axis=2)
    weights = tf.nn.softmax(scores)
    return tf.reduce_sum(memory * tf.expand_dims(weights, 2), axis=1), weights


def main(steps=1000):
    """The share of symbols of new sequences that are reversed correctly."""
    tf.set_random_seed(1)
    source = tf.placeholder(tf.int32, [None, LENGTH], name="source")
    target = tf.placeholder(tf.int32, [None, LENGTH], name="target")
    embedding = tf.get_variable("embedding", [SYMBOLS + 1, HIDDEN])  # the last one starts

    with tf.variable_scope("encoder"):
        embedded = tf.nn.embedding_lookup(embedding, source)
        cell = tf.nn.rnn_cell.GRUCell(HIDDEN)
        memory, state = tf.nn.dynamic_rnn(cell, embedded, dtype=tf.float32)

    with tf.variable_scope("decoder"):
        start = tf.fill([tf.shape(source)[0], 1], SYMBOLS)
        given = tf.concat([start, target[:, :-1]], axis=1)
        inputs = tf.unstack(tf.nn.embedding_lookup(embedding, given), axis=1)
        cell = tf.nn.rnn_cell.GRUCell(HIDDEN)
        scores = []
        for step, word in enumerate(inputs):
            with tf.variable_scope("step", reuse=step > 0):
                output, state = cell(word, state)
                context, looked_at = attend(output, memory)
                joined = tf.concat([output, context], axis=1)
                joined = tf.layers.dense(joined, HIDDEN, activation=tf.tanh, name="join")
                scores.append(tf.layers.dense(joined, SYMBOLS, name="scores"))
        logits = tf.stack(scores, axis=1)

    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=logits)
    loss = tf.reduce_mean(losses, name="loss")
    train = tf.train.AdamOptimizer(0.003).minimize(loss)
    guessed = tf.cast(tf.argmax(logits, axis=2), tf.int32)
    right = tf.reduce_mean(tf.cast(tf.equal(guessed, target), tf.float32), name="right")

    random = np.random.RandomState(1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            numbers = random.randint(0, SYMBOLS, (BATCH, LENGTH))
            feed = {source: numbers, target: numbers[:, ::-1]}
            _, value = sess.run([train, loss], feed_dict=feed)
            if step % 200 == 0:
                print("step %4d  loss %.4f" % (step, value))
        numbers = random.randint(0, SYMBOLS, (500, LENGTH))
        result = sess.run(right, feed_dict={source: numbers, target: numbers[:, ::-1]})
    print("reversed correctly: %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
