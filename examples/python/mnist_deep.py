"""Two convolutions, two dense layers and dropout with a fed keep_prob, on handwritten digits."""

import nodeflow.tensorflow1 as tf

import digits


def conv2d(x, W):
    """A convolution with stride 1 that keeps height and width."""
    return tf.nn.conv2d(x, W, strides=[1, 1, 1, 1], padding="SAME")


def max_pool_2x2(x):
    """Halves height and width."""
    return tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


def weight_variable(shape):
    """Small random weights."""
    return tf.Variable(tf.truncated_normal(shape, stddev=0.1), name="weights")


def bias_variable(shape):
    """Slightly positive biases, so that units of relu start alive."""
    return tf.Variable(tf.constant(0.1, shape=shape), name="bias")


def deepnn(x, keep_prob):
    """The scores of ten classes, (rows, 10)."""
    with tf.name_scope("reshape"):
        x_image = tf.reshape(x, [-1, 28, 28, 1])
    with tf.name_scope("conv1"):
        h_conv1 = tf.nn.relu(conv2d(x_image, weight_variable([5, 5, 1, 16])) + bias_variable([16]))
        h_pool1 = max_pool_2x2(h_conv1)
    with tf.name_scope("conv2"):
        h_conv2 = tf.nn.relu(conv2d(h_pool1, weight_variable([5, 5, 16, 32])) + bias_variable([32]))
        h_pool2 = max_pool_2x2(h_conv2)
    with tf.name_scope("fc1"):
        h_flat = tf.reshape(h_pool2, [-1, 7 * 7 * 32])
        W_fc1 = weight_variable([7 * 7 * 32, 128])
        h_fc1 = tf.nn.relu(tf.matmul(h_flat, W_fc1) + bias_variable([128]))
    with tf.name_scope("dropout"):
        h_fc1_drop = tf.nn.dropout(h_fc1, keep_prob)
    with tf.name_scope("fc2"):
        return tf.matmul(h_fc1_drop, weight_variable([128, 10])) + bias_variable([10])


def main(steps=800):
    """The share of the test images that the network reads correctly."""
    tf.set_random_seed(1)
    training, test = digits.load()

    x = tf.placeholder(tf.float32, [None, 784], name="x")
    y_ = tf.placeholder(tf.float32, [None, 10], name="labels")
    keep_prob = tf.placeholder(tf.float32, name="keep_prob")
    y_conv = deepnn(x, keep_prob)
    with tf.name_scope("loss"):
        cross_entropy = tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=y_conv)
        cross_entropy = tf.reduce_mean(cross_entropy)
    with tf.name_scope("adam_optimizer"):
        train_step = tf.train.AdamOptimizer(1e-3).minimize(cross_entropy)
    with tf.name_scope("accuracy"):
        correct_prediction = tf.equal(tf.argmax(y_conv, 1), tf.argmax(y_, 1))
        accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for i in range(steps):
            images, labels = training.batch(50, i)
            if i % 100 == 0:
                value = accuracy.eval(feed_dict={x: images, y_: labels, keep_prob: 1.0})
                print("step %d, training accuracy %g" % (i, value))
            train_step.run(feed_dict={x: images, y_: labels, keep_prob: 0.5})
        feed = {x: test.images[:1000], y_: test.labels[:1000], keep_prob: 1.0}
        result = accuracy.eval(feed_dict=feed)
        print("test accuracy %g" % result)
    return float(result)


if __name__ == "__main__":
    main()
