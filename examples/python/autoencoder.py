"""An autoencoder: digits squeezed through 32 numbers and drawn again from them."""

import nodeflow.tensorflow1 as tf

import digits


def main(steps=2000):
    """The mean squared error of the test images' reconstruction."""
    tf.set_random_seed(1)
    training, test = digits.load()
    sizes = {"encoder_1": [784, 128], "encoder_2": [128, 32], "decoder_1": [32, 128]}
    sizes["decoder_2"] = [128, 784]

    X = tf.placeholder("float", [None, 784], name="X")
    layer = X
    for name, shape in sizes.items():
        with tf.variable_scope(name):
            weights = tf.get_variable("weights", shape)
            biases = tf.get_variable("biases", shape[1:], initializer=tf.zeros_initializer())
            layer = tf.nn.sigmoid(tf.add(tf.matmul(layer, weights), biases))
    loss = tf.reduce_mean(tf.pow(X - layer, 2), name="loss")
    optimizer = tf.train.RMSPropOptimizer(0.01).minimize(loss)

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            images, _ = training.batch(256, step)
            _, value = sess.run([optimizer, loss], feed_dict={X: images})
            if step % 400 == 0:
                print("step %4d  loss %.4f" % (step, value))
        result = sess.run(loss, feed_dict={X: test.images})
    print("test loss %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
