"""A language model of characters: two LSTM layers with dropout learn a text, and write on.

Zaremba, Sutskever and Vinyals, Recurrent Neural Network Regularization, 2014.
"""

import numpy as np
import nodeflow.tensorflow1 as tf

TEXT = "the quick brown fox jumps over the lazy dog while seven wizards pack my box. " * 40
LETTERS = sorted(set(TEXT))
STEPS, HIDDEN, BATCH = 24, 64, 16


def main(steps=400):
    """The mean number of nats needed for a character, with dropout off."""
    tf.set_random_seed(1)
    numbers = np.array([LETTERS.index(letter) for letter in TEXT], np.int32)

    given = tf.placeholder(tf.int32, [None, None], name="given")
    following = tf.placeholder(tf.int32, [None, None], name="following")
    keep_prob = tf.placeholder_with_default(1.0, shape=[], name="keep_prob")

    def make_cell():
        cell = tf.nn.rnn_cell.LSTMCell(HIDDEN)
        return tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=keep_prob)

    cell = tf.nn.rnn_cell.MultiRNNCell([make_cell() for _ in range(2)])
    rows = tf.shape(given)[0]
    first = cell.zero_state(rows, tf.float32)
    inputs = tf.one_hot(given, len(LETTERS))
    outputs, last = tf.nn.dynamic_rnn(cell, inputs, initial_state=first)
    logits = tf.layers.dense(outputs, len(LETTERS))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=following, logits=logits)
    loss = tf.reduce_mean(losses)
    variables = tf.trainable_variables()
    gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), 5.0)
    optimizer = tf.train.AdamOptimizer(0.005)
    train = optimizer.apply_gradients(zip(gradients, variables))

    random = np.random.RandomState(1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            starts = random.randint(0, len(numbers) - STEPS - 1, BATCH)
            batch = np.stack([numbers[s : s + STEPS + 1] for s in starts])
            feed = {given: batch[:, :-1], following: batch[:, 1:], keep_prob: 0.8}
            _, value = sess.run([train, loss], feed_dict=feed)
            if step % 100 == 0:
                print("step %3d  loss %.4f" % (step, value))
        row = numbers[None, :201]
        result = sess.run(loss, feed_dict={given: row[:, :-1], following: row[:, 1:]})

        text, state = "the", sess.run(first, feed_dict={given: [[0]]})
        symbols = [[LETTERS.index(letter) for letter in text]]
        for _ in range(60):
            scores, state = sess.run([logits, last], feed_dict={given: symbols, first: state})
            symbols = [[int(np.argmax(scores[0, -1]))]]
            text += LETTERS[symbols[0][0]]
    print("%.4f nats for a character; it writes: %s" % (result, text))
    return float(result)


if __name__ == "__main__":
    main()
