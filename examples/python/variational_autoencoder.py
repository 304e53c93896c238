"""A variational autoencoder: digits as a cloud of two numbers, and new digits drawn from it.

Kingma and Welling, Auto-Encoding Variational Bayes, 2013.
"""

import nodeflow.tensorflow1 as tf

import digits


def dense(x, size, name, activation=None):
    """A dense layer with Glorot's initial weights."""
    with tf.variable_scope(name):
        weights = tf.get_variable(
            "weights", [x.get_shape().as_list()[1], size],
            initializer=tf.glorot_normal_initializer(),
        )
        bias = tf.get_variable("bias", [size], initializer=tf.zeros_initializer())
        out = tf.matmul(x, weights) + bias
        return out if activation is None else activation(out)


def decode(code, reuse=False):
    """Logits of the pixels, (rows, 784), of codes (rows, 2)."""
    with tf.variable_scope("decoder", reuse=reuse):
        hidden = dense(code, 256, "hidden", tf.nn.tanh)
        return dense(hidden, 784, "pixels")


def main(steps=3000):
    """The loss on the test images, in nats for each image."""
    tf.set_random_seed(1)
    training, test = digits.load()

    images = tf.placeholder(tf.float32, [None, 784], name="images")
    with tf.variable_scope("encoder"):
        hidden = dense(images, 256, "hidden", tf.nn.tanh)
        mean = dense(hidden, 2, "mean")
        log_variance = dense(hidden, 2, "log_variance")
    with tf.name_scope("sample"):
        noise = tf.random_normal(tf.shape(log_variance), dtype=tf.float32, mean=0.0, stddev=1.0)
        code = mean + tf.exp(log_variance / 2) * noise
    logits = decode(code)
    with tf.name_scope("loss"):
        pixels = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
        reconstruction = tf.reduce_sum(pixels, 1)
        divergence = 1 + log_variance - tf.square(mean) - tf.exp(log_variance)
        loss = tf.reduce_mean(reconstruction - 0.5 * tf.reduce_sum(divergence, 1))
    train = tf.train.RMSPropOptimizer(learning_rate=0.001).minimize(loss)

    point = tf.placeholder(tf.float32, [None, 2], name="point")
    drawn = tf.nn.sigmoid(decode(point, reuse=True), name="drawn")

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            batch, _ = training.batch(64, step)
            _, value = sess.run([train, loss], feed_dict={images: batch})
            if step % 500 == 0:
                print("step %4d  loss %.2f" % (step, value))
        result = sess.run(loss, feed_dict={images: test.images})
        picture = sess.run(drawn, feed_dict={point: [[0.0, 0.0]]})
    print("test loss %.2f; a drawn digit has %d bright pixels" % (result, (picture > 0.5).sum()))
    return float(result)


if __name__ == "__main__":
    main()
