"""A convolutional GAN on digits: layers with shared variables and batch normalization.

Radford, Metz and Chintala, 2015.
"""

import numpy as np
import nodeflow.tensorflow1 as tf

import digits

NOISE = 64


def generator(x, is_training, reuse=False):
    """Images (rows, 28, 28, 1) from noise (rows, 64)."""
    with tf.variable_scope("Generator", reuse=reuse):
        x = tf.layers.dense(x, units=7 * 7 * 32)
        x = tf.layers.batch_normalization(x, training=is_training)
        x = tf.nn.relu(x)
        x = tf.reshape(x, shape=[-1, 7, 7, 32])
        x = tf.layers.conv2d_transpose(x, 16, 5, strides=2, padding="same")
        x = tf.layers.batch_normalization(x, training=is_training)
        x = tf.nn.relu(x)
        x = tf.layers.conv2d_transpose(x, 1, 5, strides=2, padding="same")
        return tf.nn.sigmoid(x)


def discriminator(x, is_training, reuse=False):
    """Scores of real and generated, (rows, 2)."""
    with tf.variable_scope("Discriminator", reuse=reuse):
        x = tf.layers.conv2d(x, 16, 5, strides=2, padding="same")
        x = tf.nn.leaky_relu(x)
        x = tf.layers.conv2d(x, 32, 5, strides=2, padding="same")
        x = tf.layers.batch_normalization(x, training=is_training)
        x = tf.nn.leaky_relu(x)
        x = tf.layers.flatten(x)
        x = tf.layers.dense(x, 128)
        x = tf.nn.leaky_relu(x)
        return tf.layers.dense(x, 2)


def cross_entropy(logits, real):
    """How far the scores are from saying real (1) or generated (0) for all rows."""
    labels = tf.fill([tf.shape(logits)[0]], real)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels)
    return tf.reduce_mean(losses)


def main(steps=300):
    """The mean distance of generated images' mean from that of the digits, pixel by pixel."""
    tf.set_random_seed(1)
    training, test = digits.load()

    noise_input = tf.placeholder(tf.float32, shape=[None, NOISE], name="noise")
    real_input = tf.placeholder(tf.float32, shape=[None, 28, 28, 1], name="images")
    is_training = tf.placeholder(tf.bool, shape=[], name="is_training")

    fake = generator(noise_input, is_training)
    disc_real = discriminator(real_input, is_training)
    disc_fake = discriminator(fake, is_training, reuse=True)
    with tf.name_scope("losses"):
        disc_loss = cross_entropy(disc_real, 1) + cross_entropy(disc_fake, 0)
        gen_loss = cross_entropy(disc_fake, 1)

    gen_vars = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="Generator")
    disc_vars = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="Discriminator")
    gen_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="Generator")
    disc_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="Discriminator")
    with tf.control_dependencies(gen_updates):
        optimizer = tf.train.AdamOptimizer(0.002, beta1=0.5)
        train_gen = optimizer.minimize(gen_loss, var_list=gen_vars)
    with tf.control_dependencies(disc_updates):
        optimizer = tf.train.AdamOptimizer(0.001, beta1=0.5)
        train_disc = optimizer.minimize(disc_loss, var_list=disc_vars)

    random = np.random.RandomState(1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
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
