"""An LSTM that reads a digit row by row, as a sequence of 28 steps of 28 numbers."""

import nodeflow.tensorflow1 as tf

import digits

STEPS, INPUTS, HIDDEN = 28, 28, 64


def main(steps=600):
    """The share of the test images that the network reads correctly."""
    tf.set_random_seed(1)
    training, test = digits.load()

    X = tf.placeholder("float", [None, STEPS, INPUTS], name="X")
    Y = tf.placeholder("float", [None, 10], name="Y")
    with tf.variable_scope("reader"):
        cell = tf.nn.rnn_cell.BasicLSTMCell(HIDDEN, forget_bias=1.0)
        outputs, states = tf.nn.dynamic_rnn(cell, X, dtype=tf.float32)
    with tf.variable_scope("classifier"):
        weights = tf.get_variable("weights", [HIDDEN, 10])
        bias = tf.get_variable("bias", [10], initializer=tf.constant_initializer(0.0))
        logits = tf.matmul(outputs[:, -1, :], weights) + bias
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=Y))
    train_op = tf.train.AdamOptimizer(learning_rate=0.002).minimize(loss)
    correct = tf.equal(tf.argmax(logits, 1), tf.argmax(Y, 1))
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            images, labels = training.batch(128, step)
            images = images.reshape((-1, STEPS, INPUTS))
            _, value = sess.run([train_op, loss], feed_dict={X: images, Y: labels})
            if step % 100 == 0:
                print("step %3d  loss %.4f" % (step, value))
        images = test.images.reshape((-1, STEPS, INPUTS))
        result = sess.run(accuracy, feed_dict={X: images, Y: test.labels})
    print("test accuracy %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
