"""Policy gradient: a pole on a cart stays up longer and longer."""

import numpy as np
import tensorflow as tf


class CartPole:
    """Barto, Sutton and Anderson, 1983."""

    def __init__(self, seed):
        self.random = np.random.RandomState(seed)

    def reset(self):
        self.state = self.random.uniform(-0.05, 0.05, 4)
        return self.state

    def step(self, action):
        x, v, angle, w = self.state
        force = 10.0 if action else -10.0
        sine, cosine = np.sin(angle), np.cos(angle)
        push = (force + 0.05 * w * w * sine) / 1.1
        turn = (9.8 * sine - cosine * push) / (0.5 * (4.0 / 3.0 - 0.1 * cosine**2 / 1.1))
        shift = push - 0.05 * turn * cosine / 1.1
        self.state = np.array([x, v, angle, w]) + 0.02 * np.array([v, shift, w, turn])
        return self.state, abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.2095


tf.set_random_seed(3)
state = tf.placeholder(tf.float32, [None, 4], name="state")
action = tf.placeholder(tf.int32, [None], name="action")
reward = tf.placeholder(tf.float32, [None], name="reward")
hidden = tf.layers.dense(state, 16, activation=tf.nn.relu, name="hidden")
logits = tf.layers.dense(hidden, 2, name="logits")
choice = tf.squeeze(tf.multinomial(logits, 1, output_dtype=tf.int32), axis=1)
negative_log = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=action, logits=logits)
loss = tf.reduce_mean(negative_log * reward)
optimizer = tf.train.AdamOptimizer(0.02)
gradients, variables = zip(*optimizer.compute_gradients(loss))
clipped, norm = tf.clip_by_global_norm(gradients, 5.0)
train = optimizer.apply_gradients(zip(clipped, variables))

env, lengths = CartPole(0), []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for episode in range(90):
        states, actions = [], []
        s, done = env.reset(), False
        while not done and len(states) < 200:
            a = sess.run(choice, {state: s[None]})[0]
            states.append(s)
            actions.append(a)
            s, done = env.step(a)
        lengths.append(len(states))
        returns = np.array([(1 - 0.99 ** (len(states) - t)) / 0.01 for t in range(len(states))])
        returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        sess.run(train, {state: np.array(states), action: actions, reward: returns})
first, final = np.mean(lengths[:20]), np.mean(lengths[-20:])
