"""Two convolutions, two dense layers and dropout with a fed keep_prob, on handwritten digits."""

import nodeflow as nf

import digits


def conv2d(x, W):
    """A convolution with stride 1 that keeps height and width."""
    return nf.nn.conv2d(x, W, strides=[1, 1, 1, 1], padding="SAME")


def max_pool_2x2(x):
    """Halves height and width."""
    return nf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


def weight_variable(shape):
    """Small random weights."""
    return nf.Variable(nf.truncated_normal(shape, stddev=0.1), name="weights")


def bias_variable(shape):
    """Slightly positive biases, so that units of relu start alive."""
    return nf.Variable(nf.constant(0.1, shape=shape), name="bias")


def deepnn(x, keep_prob):
    """The scores of ten classes, (rows, 10)."""
    with nf.name_scope("reshape"):
        x_image = nf.reshape(x, [-1, 28, 28, 1])
    with nf.name_scope("conv1"):
        h_conv1 = nf.nn.relu(conv2d(x_image, weight_variable([5, 5, 1, 16])) + bias_variable([16]))
        h_pool1 = max_pool_2x2(h_conv1)
    with nf.name_scope("conv2"):
        h_conv2 = nf.nn.relu(conv2d(h_pool1, weight_variable([5, 5, 16, 32])) + bias_variable([32]))
        h_pool2 = max_pool_2x2(h_conv2)
    with nf.name_scope("fc1"):
        h_flat = nf.reshape(h_pool2, [-1, 7 * 7 * 32])
        W_fc1 = weight_variable([7 * 7 * 32, 128])
        h_fc1 = nf.nn.relu(nf.matmul(h_flat, W_fc1) + bias_variable([128]))
    with nf.name_scope("dropout"):
        h_fc1_drop = nf.nn.dropout(h_fc1, keep_prob)
    with nf.name_scope("fc2"):
        return nf.matmul(h_fc1_drop, weight_variable([128, 10])) + bias_variable([10])


def main(steps=800):
    """The share of the test images that the network reads correctly."""
    nf.set_random_seed(1)
    training, test = digits.load()

    x = nf.placeholder(nf.float32, [None, 784], name="x")
    y_ = nf.placeholder(nf.float32, [None, 10], name="labels")
    keep_prob = nf.placeholder(nf.float32, name="keep_prob")
    y_conv = deepnn(x, keep_prob)
    with nf.name_scope("loss"):
        cross_entropy = nf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=y_conv)
        cross_entropy = nf.reduce_mean(cross_entropy)
    with nf.name_scope("adam_optimizer"):
        train_step = nf.train.AdamOptimizer(1e-3).minimize(cross_entropy)
    with nf.name_scope("accuracy"):
        correct_prediction = nf.equal(nf.argmax(y_conv, 1), nf.argmax(y_, 1))
        accuracy = nf.reduce_mean(nf.cast(correct_prediction, nf.float32))

    with nf.Session() as sess:
        sess.run(nf.global_variables_initializer())
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
