"""Deep Q-learning: an agent finds the way through a maze of 5 x 5, with a target network.

Mnih and others, 2015.
"""

import numpy as np
import nodeflow.tensorflow1 as tf

WALLS = {(1, 1), (1, 2), (1, 3), (3, 1), (3, 3), (3, 4)}
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]
GOAL, SIZE = (4, 4), 5


def move(place, action):
    """The next place, the reward, and whether the goal is reached."""
    row, column = place[0] + MOVES[action][0], place[1] + MOVES[action][1]
    if not (0 <= row < SIZE and 0 <= column < SIZE) or (row, column) in WALLS:
        return place, -0.05, False
    return (row, column), 1.0 if (row, column) == GOAL else -0.02, (row, column) == GOAL


def network(places, scope):
    """The worth of each of the four moves, (rows, 4), at places given as numbers (rows,)."""
    with tf.variable_scope(scope):
        x = tf.one_hot(places, SIZE * SIZE)
        hidden = tf.layers.dense(x, 32, activation=tf.nn.relu)
        return tf.layers.dense(hidden, 4)


def main(steps=2500):
    """The number of moves of the way that the agent found; the shortest has 8."""
    tf.set_random_seed(1)
    places = tf.placeholder(tf.int32, [None], name="places")
    next_places = tf.placeholder(tf.int32, [None], name="next_places")
    actions = tf.placeholder(tf.int32, [None], name="actions")
    rewards = tf.placeholder(tf.float32, [None], name="rewards")
    done = tf.placeholder(tf.float32, [None], name="done")

    worth = network(places, "online")
    later = tf.reduce_max(network(next_places, "target"), axis=1)
    target = tf.stop_gradient(rewards + 0.95 * (1.0 - done) * later)
    chosen = tf.reduce_sum(worth * tf.one_hot(actions, 4), axis=1)
    loss = tf.losses.huber_loss(target, chosen)
    train = tf.train.AdamOptimizer(0.003).minimize(
        loss, var_list=tf.trainable_variables("online")
    )
    pairs = zip(tf.global_variables("target"), tf.trainable_variables("online"))
    copy = tf.group(*[tf.assign(old, new) for old, new in pairs])

    random, memory, place = np.random.RandomState(1), [], (0, 0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(copy)
        for step in range(steps):
            number = place[0] * SIZE + place[1]
            if random.uniform() < max(0.1, 1 - step / 1500):
                action = random.randint(4)
            else:
                action = int(np.argmax(sess.run(worth, {places: [number]})))
            new, reward, end = move(place, action)
            memory.append((number, action, reward, new[0] * SIZE + new[1], float(end)))
            place = (0, 0) if end else new
            if step >= 64:
                rows = [memory[i] for i in random.randint(0, len(memory), 32)]
                inputs = [places, actions, rewards, next_places, done]
                _, value = sess.run([train, loss], dict(zip(inputs, map(list, zip(*rows)))))
                if step % 500 == 0:
                    print("step %4d  loss %.5f" % (step, value))
            if step % 100 == 0:
                sess.run(copy)
        place, moves, end = (0, 0), 0, False
        while not end and moves < 50:
            number = place[0] * SIZE + place[1]
            place, _, end = move(place, int(np.argmax(sess.run(worth, {places: [number]}))))
            moves += 1
    print("the way to the goal takes %d moves" % moves)
    return moves


if __name__ == "__main__":
    main()
