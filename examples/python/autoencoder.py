"""An autoencoder: digits squeezed through 32 numbers and drawn again from them."""

import nodeflow as nf

import digits


def main(steps=2000):
    """The mean squared error of the test images' reconstruction."""
    nf.set_random_seed(1)
    training, test = digits.load()
    sizes = {"encoder_1": [784, 128], "encoder_2": [128, 32], "decoder_1": [32, 128]}
    sizes["decoder_2"] = [128, 784]

    X = nf.placeholder("float", [None, 784], name="X")
    layer = X
    for name, shape in sizes.items():
        with nf.variable_scope(name):
            weights = nf.get_variable("weights", shape)
            biases = nf.get_variable("biases", shape[1:], initializer=nf.zeros_initializer())
            layer = nf.nn.sigmoid(nf.add(nf.matmul(layer, weights), biases))
    loss = nf.reduce_mean(nf.power(X - layer, 2), name="loss")
    optimizer = nf.tensorflow1.train.RMSPropOptimizer(0.01).minimize(loss)

    with nf.Session() as sess:
        sess.run(nf.global_variables_initializer())
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
