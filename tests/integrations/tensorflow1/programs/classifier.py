"""A small network with layers, cross entropy, accuracy and a checked input, in TensorFlow 1."""
import numpy as np
import tensorflow as tf

tf.set_random_seed(1)
rng = np.random.RandomState(1)
images = rng.rand(60, 8, 8, 1)
classes = (images.mean(axis=(1, 2, 3)) > 0.5).astype(np.int64)
images += classes[:, None, None, None]

graph = tf.Graph()
with graph.as_default():
    x = tf.placeholder(tf.float32, [None, 8, 8, 1], name="x")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    with tf.control_dependencies([tf.assert_rank(x, 4)]):
        image = tf.identity(x)
    conv = tf.layers.conv2d(inputs=image, filters=4, kernel_size=[3, 3], padding="same", activation=tf.nn.relu)
    pool = tf.layers.max_pooling2d(inputs=conv, pool_size=[2, 2], strides=2)
    flat = tf.reshape(pool, [-1, 4 * 4 * 4])
    logits = tf.layers.dense(flat, units=2)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    train_op = tf.train.AdamOptimizer(1e-2).minimize(loss)
    correct = tf.equal(tf.argmax(logits, axis=1), labels)
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))

sess = tf.InteractiveSession(graph=graph)
tf.global_variables_initializer().run()
for _ in range(60):
    _, value = sess.run([train_op, loss], feed_dict={x: images, labels: classes})
score = accuracy.eval(feed_dict={x: images, labels: classes})
sess.close()
