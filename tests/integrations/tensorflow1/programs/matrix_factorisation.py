"""Matrix factorisation: ratings from vectors of users and of films; streaming metrics."""

import numpy as np
import tensorflow as tf

flags = tf.app.flags
flags.DEFINE_integer("factors", 4, "size of a vector")
flags.DEFINE_integer("epochs", 25, "how often all ratings are seen")
FLAGS = flags.FLAGS

USERS, FILMS, RATINGS = 60, 40, 1600
random = np.random.RandomState(0)
tastes, kinds = random.randn(USERS, 3), random.randn(FILMS, 3)
users = random.randint(0, USERS, RATINGS)
films = random.randint(0, FILMS, RATINGS)
ratings = 3.0 + (tastes[users] * kinds[films]).sum(1) + 0.1 * random.randn(RATINGS)
ratings = ratings.astype("float32")
cut = 1400

tf.set_random_seed(1)
data = tf.data.Dataset.from_tensor_slices((users[:cut], films[:cut], ratings[:cut]))
data = data.shuffle(cut, seed=2).batch(100).repeat(FLAGS.epochs)
iterator = tf.data.make_initializable_iterator(data)
next_batch = iterator.get_next()

user = tf.placeholder(tf.int64, [None], name="user")
film = tf.placeholder(tf.int64, [None], name="film")
wanted = tf.placeholder(tf.float32, [None], name="rating")
init = tf.truncated_normal_initializer(stddev=0.3)



def small(w):
    return 1e-4 * tf.nn.l2_loss(w)


zeros = tf.zeros_initializer()
with tf.variable_scope("model", initializer=init, regularizer=small):
    p = tf.nn.embedding_lookup(tf.get_variable("users", [USERS, FLAGS.factors]), user)
    q = tf.nn.embedding_lookup(tf.get_variable("films", [FILMS, FLAGS.factors]), film)
    user_bias = tf.gather(tf.get_variable("user_bias", [USERS], initializer=zeros), user)
    film_bias = tf.gather(tf.get_variable("film_bias", [FILMS], initializer=zeros), film)
    mean = tf.get_variable("mean", [], initializer=tf.constant_initializer(3.0))
predicted = mean + user_bias + film_bias + tf.reduce_sum(tf.multiply(p, q), 1)
loss = tf.reduce_mean(tf.squared_difference(predicted, wanted))
penalty = tf.add_n(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))
step = tf.train.get_or_create_global_step()
rate = tf.train.exponential_decay(0.02, step, 100, 0.9, staircase=True)
train = tf.train.AdamOptimizer(rate).minimize(loss + penalty, global_step=step)
rmse, update = tf.metrics.root_mean_squared_error(wanted, predicted, name="rmse")

with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    sess.run(iterator.initializer)
    while True:
        try:
            u, f, r = sess.run(next_batch)
        except tf.errors.OutOfRangeError:
            break
        sess.run(train, {user: u, film: f, wanted: r})
    for start in range(cut, RATINGS, 50):
        rows = slice(start, start + 50)
        sess.run(update, {user: users[rows], film: films[rows], wanted: ratings[rows]})
    final = sess.run(rmse)
    steps = sess.run(step)
