"""Fit a straight line by gradient descent; the exact answer is known from least squares."""

import numpy as np
import nodeflow.tensorflow1 as tf


def main(steps=1000):
    """The largest difference between the trained line and the one of least squares."""
    tf.set_random_seed(1)
    random = np.random.RandomState(1)
    points = random.uniform(0, 10, 100).astype(np.float32)
    values = (0.5 * points + 2 + random.normal(0, 0.3, 100)).astype(np.float32)

    x = tf.placeholder(tf.float32, [None], name="x")
    y = tf.placeholder(tf.float32, [None], name="y")
    with tf.name_scope("line"):
        slope = tf.Variable(tf.random_normal([]), name="slope")
        intercept = tf.Variable(0.0, name="intercept")
        predicted = tf.add(tf.multiply(x, slope), intercept, name="predicted")
    loss = tf.reduce_mean(tf.square(predicted - y), name="loss")
    train = tf.train.GradientDescentOptimizer(learning_rate=0.02).minimize(loss, name="train")

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            _, value = sess.run([train, loss], feed_dict={x: points, y: values})
            if step % 200 == 0:
                print("step %4d  loss %.4f" % (step, value))
        line = sess.run([slope, intercept])
    exact = np.polyfit(points, values, 1)
    print("trained %.3f x + %.3f, least squares %.3f x + %.3f" % (*line, *exact))
    return float(np.abs(np.array(line) - exact).max())


if __name__ == "__main__":
    main()
