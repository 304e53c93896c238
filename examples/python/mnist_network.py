"""The classic network 784-300-10 with a clipped cross-entropy, in batches of 100."""

import nodeflow.tensorflow1 as tf

import digits


def main(steps=5500):
    """The share of the test images that the network reads correctly, about 98 % of MNIST."""
    tf.set_random_seed(1)
    training, test = digits.load()

    x = tf.placeholder(tf.float32, [None, 784], name="x")
    y = tf.placeholder(tf.float32, [None, 10], name="y")
    W1 = tf.Variable(tf.random_normal([784, 300], stddev=0.03), name="W1")
    b1 = tf.Variable(tf.random_normal([300]), name="b1")
    W2 = tf.Variable(tf.random_normal([300, 10], stddev=0.03), name="W2")
    b2 = tf.Variable(tf.random_normal([10]), name="b2")

    hidden_out = tf.add(tf.matmul(x, W1), b1)
    hidden_out = tf.nn.relu(hidden_out)
    y_ = tf.nn.softmax(tf.add(tf.matmul(hidden_out, W2), b2))

    y_clipped = tf.clip_by_value(y_, 1e-10, 0.9999999)
    cross_entropy = -tf.reduce_mean(
        tf.reduce_sum(y * tf.log(y_clipped) + (1 - y) * tf.log(1 - y_clipped), axis=1)
    )
    optimiser = tf.train.GradientDescentOptimizer(learning_rate=0.5).minimize(cross_entropy)

    correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
    accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            batch_x, batch_y = training.batch(100, step)
            _, cost = sess.run([optimiser, cross_entropy], feed_dict={x: batch_x, y: batch_y})
            if step % 550 == 0:
                print("step %4d  cost %.3f" % (step, cost))
        result = sess.run(accuracy, feed_dict={x: test.images, y: test.labels})
    print("test accuracy %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
