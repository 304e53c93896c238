"""A convolutional GAN on digits: layers with shared variables and batch normalization.

Radford, Metz and Chintala, 2015.
"""

import numpy as np
import nodeflow as nf

import digits

NOISE = 64


def generator(x, is_training, reuse=False):
    """Images (rows, 28, 28, 1) from noise (rows, 64)."""
    with nf.variable_scope("Generator", reuse=reuse):
        x = nf.layers.dense(x, units=7 * 7 * 32)
        x = nf.layers.batch_normalization(x, training=is_training)
        x = nf.nn.relu(x)
        x = nf.reshape(x, shape=[-1, 7, 7, 32])
        x = nf.layers.conv2d_transpose(x, 16, 5, strides=2, padding="same")
        x = nf.layers.batch_normalization(x, training=is_training)
        x = nf.nn.relu(x)
        x = nf.layers.conv2d_transpose(x, 1, 5, strides=2, padding="same")
        return nf.nn.sigmoid(x)


def discriminator(x, is_training, reuse=False):
    """Scores of real and generated, (rows, 2)."""
    with nf.variable_scope("Discriminator", reuse=reuse):
        x = nf.layers.conv2d(x, 16, 5, strides=2, padding="same")
        x = nf.nn.leaky_relu(x)
        x = nf.layers.conv2d(x, 32, 5, strides=2, padding="same")
        x = nf.layers.batch_normalization(x, training=is_training)
        x = nf.nn.leaky_relu(x)
        x = nf.layers.flatten(x)
        x = nf.layers.dense(x, 128)
        x = nf.nn.leaky_relu(x)
        return nf.layers.dense(x, 2)


def cross_entropy(logits, real):
    """How far the scores are from saying real (1) or generated (0) for all rows."""
    labels = nf.fill([nf.shape(logits)[0]], real)
    losses = nf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels)
    return nf.reduce_mean(losses)


def main(steps=300):
    """The mean distance of generated images' mean from that of the digits, pixel by pixel."""
    nf.set_random_seed(1)
    training, test = digits.load()

    noise_input = nf.placeholder(nf.float32, shape=[None, NOISE], name="noise")
    real_input = nf.placeholder(nf.float32, shape=[None, 28, 28, 1], name="images")
    is_training = nf.placeholder(nf.bool, shape=[], name="is_training")

    fake = generator(noise_input, is_training)
    disc_real = discriminator(real_input, is_training)
    disc_fake = discriminator(fake, is_training, reuse=True)
    with nf.name_scope("losses"):
        disc_loss = cross_entropy(disc_real, 1) + cross_entropy(disc_fake, 0)
        gen_loss = cross_entropy(disc_fake, 1)

    gen_vars = nf.get_collection(nf.GraphKeys.TRAINABLE_VARIABLES, scope="Generator")
    disc_vars = nf.get_collection(nf.GraphKeys.TRAINABLE_VARIABLES, scope="Discriminator")
    gen_updates = nf.get_collection(nf.GraphKeys.UPDATE_OPS, scope="Generator")
    disc_updates = nf.get_collection(nf.GraphKeys.UPDATE_OPS, scope="Discriminator")
    with nf.control_dependencies(gen_updates):
        optimizer = nf.train.AdamOptimizer(0.002, beta1=0.5)
        train_gen = optimizer.minimize(gen_loss, var_list=gen_vars)
    with nf.control_dependencies(disc_updates):
        optimizer = nf.train.AdamOptimizer(0.001, beta1=0.5)
        train_disc = optimizer.minimize(disc_loss, var_list=disc_vars)

    random = np.random.RandomState(1)
    with nf.Session() as sess:
        sess.run(nf.global_variables_initializer())
        for step in range(steps):
            images, _ = training.batch(64, step)
            images = np.reshape(images, [-1, 28, 28, 1])
            z = random.uniform(-1.0, 1.0, size=[64, NOISE])
            feed = {real_input: images, noise_input: z, is_training: True}
            _, dl = sess.run([train_disc, disc_loss], feed_dict=feed)
            _, gl = sess.run([train_gen, gen_loss], feed_dict=feed)
            if step % 50 == 0:
                print("step %3d  generator %.3f  discriminator %.3f" % (step, gl, dl))
        z = random.uniform(-1.0, 1.0, size=[200, NOISE])
        drawn = sess.run(fake, feed_dict={noise_input: z, is_training: False})
    distance = np.abs(drawn.reshape(-1, 784).mean(0) - test.images.mean(0)).mean()
    print("mean pixel differs by %.4f" % distance)
    return float(distance)


if __name__ == "__main__":
    main()
