"""K-means: assign points to their nearest centre, move centres to the mean of their points."""

import numpy as np
import nodeflow.tensorflow1 as tf


def main(steps=20):
    """The mean squared distance of the points from their centres, which were 4 clouds."""
    random = np.random.RandomState(3)
    clouds = np.array([[0, 0], [5, 5], [0, 6], [6, 0]], np.float32)
    points = np.concatenate([cloud + random.normal(0, 0.7, (200, 2)) for cloud in clouds])
    first = points[[10, 210, 220, 410]].astype(np.float32)

    data = tf.constant(points.astype(np.float32), name="points")
    centres = tf.Variable(first, name="centres")
    with tf.name_scope("assignment"):
        apart = tf.expand_dims(data, 0) - tf.expand_dims(centres, 1)
        distances = tf.reduce_sum(tf.square(apart), 2)
        nearest = tf.argmin(distances, 0)
    with tf.name_scope("update"):
        means = [
            tf.reduce_mean(tf.boolean_mask(data, tf.equal(nearest, number)), axis=0)
            for number in range(len(clouds))
        ]
        move = tf.assign(centres, tf.stack(means))
    spread = tf.reduce_mean(tf.reduce_min(distances, 0), name="spread")

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            sess.run(move)
            if step % 5 == 0:
                print("step %2d  spread %.4f" % (step, sess.run(spread)))
        result = sess.run(spread)
    print("mean squared distance %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
