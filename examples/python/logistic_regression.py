"""Softmax regression on handwritten digits: one matrix, about 92 % right."""

import nodeflow.tensorflow1 as tf

import digits


def main(steps=2000):
    """The share of the test images that the model reads correctly."""
    tf.set_random_seed(1)
    training, test = digits.load()

    x = tf.placeholder("float", [None, 784], name="images")
    y = tf.placeholder("float", [None, 10], name="labels")
    with tf.name_scope("model"):
        weights = tf.Variable(tf.zeros([784, 10]), name="weights")
        bias = tf.Variable(tf.zeros([10]), name="bias")
        prediction = tf.nn.softmax(tf.matmul(x, weights) + bias, name="prediction")
    with tf.name_scope("cost"):
        likely = tf.log(tf.clip_by_value(prediction, 1e-10, 1.0))
        cost = tf.reduce_mean(-tf.reduce_sum(y * likely, reduction_indices=1))
    optimizer = tf.train.GradientDescentOptimizer(0.1).minimize(cost)
    with tf.name_scope("accuracy"):
        right = tf.equal(tf.argmax(prediction, 1), tf.argmax(y, 1))
        accuracy = tf.reduce_mean(tf.cast(right, "float"))

    init = tf.global_variables_initializer()
    with tf.Session() as sess:
        sess.run(init)
        for step in range(steps):
            images, labels = training.batch(100, step)
            _, value = sess.run([optimizer, cost], feed_dict={x: images, y: labels})
            if step % 400 == 0:
                print("step %4d  cost %.4f" % (step, value))
        result = accuracy.eval({x: test.images, y: test.labels})
        print("test accuracy %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
