"""Linear regression in TensorFlow 1."""
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.set_random_seed(3)

rng = np.random.RandomState(0)
points = rng.rand(40, 2).astype(np.float32)
targets = points.dot(np.array([[2.0], [-1.0]])) + 0.5  # "tf.matmul" in a comment and ü stay

x = tf.placeholder(tf.float32, shape=[None, 2], name="in-1")
y = tf.placeholder("float", [None, 1])
with tf.name_scope("model"):
    W = tf.Variable(tf.zeros([2, 1]), name="W"); b = tf.Variable(tf.zeros([1]))
    prediction = tf.add(tf.matmul(a=x, b=W), b)
loss = tf.reduce_mean(tf.pow(prediction - y, 2), reduction_indices=[0, 1], keep_dims=False)
train = tf.train.GradientDescentOptimizer(learning_rate=0.3).minimize(loss)
init = tf.group(tf.global_variables_initializer(), tf.local_variables_initializer())

with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as sess:
    sess.run(init)
    for step in range(400):
        sess.run(train, feed_dict={x: points, y: targets})
    final = sess.run(loss, {"in-1:0": points, y: targets})
    weights = W.eval()
