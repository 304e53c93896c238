"""A generative adversarial network on digits. Goodfellow and others, 2014."""

import numpy as np
import nodeflow.tensorflow1 as tf

import digits

NOISE = 32


def glorot_init(shape):
    """Normally distributed weights for layers of any size."""
    return tf.random_normal(shape=shape, stddev=1.0 / tf.sqrt(shape[0] / 2.0))


weights = {}
biases = {}


def generator(x):
    """Images (rows, 784) from noise (rows, 32)."""
    hidden = tf.nn.relu(tf.add(tf.matmul(x, weights["gen_hidden"]), biases["gen_hidden"]))
    return tf.nn.sigmoid(tf.add(tf.matmul(hidden, weights["gen_out"]), biases["gen_out"]))


def discriminator(x):
    """How likely images are real, (rows, 1)."""
    hidden = tf.nn.leaky_relu(tf.add(tf.matmul(x, weights["disc_hidden"]), biases["disc_hidden"]))
    return tf.nn.sigmoid(tf.add(tf.matmul(hidden, weights["disc_out"]), biases["disc_out"]))


def main(steps=3000):
    """The mean distance of generated images' mean from that of the digits, pixel by pixel."""
    tf.set_random_seed(1)
    training, test = digits.load()
    sizes = {"gen_hidden": [NOISE, 256], "gen_out": [256, 784]}
    sizes.update({"disc_hidden": [784, 256], "disc_out": [256, 1]})
    for name, shape in sizes.items():
        weights[name] = tf.Variable(glorot_init(shape), name=name + "_weights")
        biases[name] = tf.Variable(tf.zeros([shape[1]]), name=name + "_bias")

    gen_input = tf.placeholder(tf.float32, shape=[None, NOISE], name="input_noise")
    disc_input = tf.placeholder(tf.float32, shape=[None, 784], name="disc_input")
    with tf.name_scope("generator"):
        gen_sample = generator(gen_input)
    with tf.name_scope("discriminator"):
        disc_real = discriminator(disc_input)
    with tf.name_scope("discriminator_of_fakes"):
        disc_fake = discriminator(gen_sample)
    gen_loss = -tf.reduce_mean(tf.log(disc_fake + 1e-8), name="gen_loss")
    disc_loss = -tf.reduce_mean(tf.log(disc_real + 1e-8) + tf.log(1.0 - disc_fake + 1e-8))

    gen_vars = [v for part in (weights, biases) for k, v in part.items() if k.startswith("gen")]
    disc_vars = [v for part in (weights, biases) for k, v in part.items() if k.startswith("disc")]
    train_gen = tf.train.AdamOptimizer(0.0005, beta1=0.5).minimize(gen_loss, var_list=gen_vars)
    train_disc = tf.train.AdamOptimizer(0.0005, beta1=0.5).minimize(disc_loss, var_list=disc_vars)

    random = np.random.RandomState(1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            images, _ = training.batch(128, step)
            z = random.uniform(-1.0, 1.0, size=[128, NOISE])
            _, _, gl, dl = sess.run(
                [train_gen, train_disc, gen_loss, disc_loss],
                feed_dict={disc_input: images, gen_input: z},
            )
            if step % 500 == 0:
                print("step %4d  generator %.3f  discriminator %.3f" % (step, gl, dl))
        z = random.uniform(-1.0, 1.0, size=[500, NOISE])
        drawn = sess.run(gen_sample, feed_dict={gen_input: z})
    distance = np.abs(drawn.mean(0) - test.images.mean(0)).mean()
    print("mean pixel differs by %.4f" % distance)
    return float(distance)


if __name__ == "__main__":
    main()
