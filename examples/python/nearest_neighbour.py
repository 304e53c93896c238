"""Read digits without training: the nearest of 2 000 known images, by the sum of differences."""

import numpy as np
import nodeflow.tensorflow1 as tf

import digits


def main(steps=200):
    """The share of ``steps`` test images whose nearest neighbour is of the same class."""
    training, test = digits.load()
    known, known_labels = training.images[:2000], training.labels[:2000]

    images = tf.placeholder("float", [None, 784], name="known")
    query = tf.placeholder("float", [784], name="query")
    distance = tf.reduce_sum(tf.abs(tf.add(images, tf.negative(query))), axis=1, name="distance")
    nearest = tf.argmin(distance, 0, name="nearest")

    right = 0
    with tf.Session() as sess:
        for step in range(steps):
            index = sess.run(nearest, feed_dict={images: known, query: test.images[step]})
            right += np.argmax(known_labels[index]) == np.argmax(test.labels[step])
            if step % 50 == 0:
                print("image %3d  nearest %4d" % (step, index))
    print("accuracy %.3f" % (right / steps))
    return right / steps


if __name__ == "__main__":
    main()
