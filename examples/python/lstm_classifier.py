"""An LSTM that reads a digit row by row, as a sequence of 28 steps of 28 numbers."""

import nodeflow as nf

import digits

STEPS, INPUTS, HIDDEN = 28, 28, 64


def main(steps=600):
    """The share of the test images that the network reads correctly."""
    nf.set_random_seed(1)
    training, test = digits.load()

    X = nf.placeholder("float", [None, STEPS, INPUTS], name="X")
    Y = nf.placeholder("float", [None, 10], name="Y")
    with nf.variable_scope("reader"):
        cell = nf.nn.rnn_cell.BasicLSTMCell(HIDDEN, forget_bias=1.0)
        outputs, states = nf.nn.dynamic_rnn(cell, X, dtype=nf.float32)
    with nf.variable_scope("classifier"):
        weights = nf.get_variable("weights", [HIDDEN, 10])
        bias = nf.get_variable("bias", [10], initializer=nf.constant_initializer(0.0))
        logits = nf.matmul(outputs[:, -1, :], weights) + bias
    loss = nf.reduce_mean(nf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=Y))
    train_op = nf.train.AdamOptimizer(learning_rate=0.002).minimize(loss)
    correct = nf.equal(nf.argmax(logits, 1), nf.argmax(Y, 1))
    accuracy = nf.reduce_mean(nf.cast(correct, nf.float32))

    with nf.Session() as sess:
        sess.run(nf.global_variables_initializer())
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
