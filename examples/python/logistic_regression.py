"""Softmax regression on handwritten digits: one matrix, about 92 % right."""

import nodeflow as nf

import digits


def main(steps=2000):
    """The share of the test images that the model reads correctly."""
    nf.set_random_seed(1)
    training, test = digits.load()

    x = nf.placeholder("float", [None, 784], name="images")
    y = nf.placeholder("float", [None, 10], name="labels")
    with nf.name_scope("model"):
        weights = nf.Variable(nf.zeros([784, 10]), name="weights")
        bias = nf.Variable(nf.zeros([10]), name="bias")
        prediction = nf.nn.softmax(nf.matmul(x, weights) + bias, name="prediction")
    with nf.name_scope("cost"):
        likely = nf.log(nf.clip_by_value(prediction, 1e-10, 1.0))
        cost = nf.reduce_mean(-nf.reduce_sum(y * likely, axis=1))
    optimizer = nf.train.GradientDescentOptimizer(0.1).minimize(cost)
    with nf.name_scope("accuracy"):
        right = nf.equal(nf.argmax(prediction, 1), nf.argmax(y, 1))
        accuracy = nf.reduce_mean(nf.cast(right, "float"))

    init = nf.global_variables_initializer()
    with nf.Session() as sess:
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
