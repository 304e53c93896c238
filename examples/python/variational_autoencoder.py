"""A variational autoencoder: digits as a cloud of two numbers, and new digits drawn from it.

Kingma and Welling, Auto-Encoding Variational Bayes, 2013.
"""

import nodeflow as nf

import digits


def dense(x, size, name, activation=None):
    """A dense layer with Glorot's initial weights."""
    with nf.variable_scope(name):
        weights = nf.get_variable(
            "weights", [x.get_shape().as_list()[1], size],
            initializer=nf.glorot_normal_initializer(),
        )
        bias = nf.get_variable("bias", [size], initializer=nf.zeros_initializer())
        out = nf.matmul(x, weights) + bias
        return out if activation is None else activation(out)


def decode(code, reuse=False):
    """Logits of the pixels, (rows, 784), of codes (rows, 2)."""
    with nf.variable_scope("decoder", reuse=reuse):
        hidden = dense(code, 256, "hidden", nf.nn.tanh)
        return dense(hidden, 784, "pixels")


def main(steps=3000):
    """The loss on the test images, in nats for each image."""
    nf.set_random_seed(1)
    training, test = digits.load()

    images = nf.placeholder(nf.float32, [None, 784], name="images")
    with nf.variable_scope("encoder"):
        hidden = dense(images, 256, "hidden", nf.nn.tanh)
        mean = dense(hidden, 2, "mean")
        log_variance = dense(hidden, 2, "log_variance")
    with nf.name_scope("sample"):
        noise = nf.random_normal(nf.shape(log_variance), dtype=nf.float32, mean=0.0, stddev=1.0)
        code = mean + nf.exp(log_variance / 2) * noise
    logits = decode(code)
    with nf.name_scope("loss"):
        pixels = nf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
        reconstruction = nf.reduce_sum(pixels, 1)
        divergence = 1 + log_variance - nf.square(mean) - nf.exp(log_variance)
        loss = nf.reduce_mean(reconstruction - 0.5 * nf.reduce_sum(divergence, 1))
    train = nf.tensorflow1.train.RMSPropOptimizer(learning_rate=0.001).minimize(loss)

    point = nf.placeholder(nf.float32, [None, 2], name="point")
    drawn = nf.nn.sigmoid(decode(point, reuse=True), name="drawn")

    with nf.Session() as sess:
        sess.run(nf.global_variables_initializer())
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
