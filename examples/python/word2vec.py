"""Word vectors by skip-grams and noise-contrastive estimation, of a language made for it.

Mikolov and others, 2013. Each sentence stays within one topic, so words of a topic end up near.
"""

import numpy as np
import nodeflow.tensorflow1 as tf

TOPICS, WORDS, SIZE, SAMPLED = 5, 20, 16, 16
VOCABULARY = TOPICS * WORDS


def pairs(rows, random):
    """Words (rows,) and neighbours (rows, 1), of the same topic."""
    topics = random.randint(0, TOPICS, rows)
    words = topics * WORDS + random.randint(0, WORDS, rows)
    neighbours = topics * WORDS + random.randint(0, WORDS, rows)
    return words, neighbours[:, None]


def main(steps=4000):
    """The share of words whose nearest word is of the same topic."""
    tf.set_random_seed(1)
    train_inputs = tf.placeholder(tf.int32, shape=[None], name="inputs")
    train_labels = tf.placeholder(tf.int32, shape=[None, 1], name="labels")

    with tf.name_scope("embeddings"):
        embeddings = tf.Variable(tf.random_uniform([VOCABULARY, SIZE], -1.0, 1.0))
        embed = tf.nn.embedding_lookup(embeddings, train_inputs)
    with tf.name_scope("weights"):
        start = tf.truncated_normal([VOCABULARY, SIZE], stddev=1.0 / np.sqrt(SIZE))
        nce_weights = tf.Variable(start)
    with tf.name_scope("biases"):
        nce_biases = tf.Variable(tf.zeros([VOCABULARY]))
    with tf.name_scope("loss"):
        loss = tf.reduce_mean(
            tf.nn.nce_loss(
                weights=nce_weights,
                biases=nce_biases,
                labels=train_labels,
                inputs=embed,
                num_sampled=SAMPLED,
                num_classes=VOCABULARY,
            )
        )
    with tf.name_scope("optimizer"):
        optimizer = tf.train.GradientDescentOptimizer(1.0).minimize(loss)
    with tf.name_scope("similarity"):
        norm = tf.sqrt(tf.reduce_sum(tf.square(embeddings), 1, keepdims=True))
        normalized = embeddings / norm
        similarity = tf.matmul(normalized, normalized, transpose_b=True)
        _, near = tf.nn.top_k(similarity, k=2)

    random = np.random.RandomState(1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(steps):
            words, neighbours = pairs(64, random)
            feed = {train_inputs: words, train_labels: neighbours}
            _, value = sess.run([optimizer, loss], feed_dict=feed)
            if step % 800 == 0:
                print("step %4d  loss %.3f" % (step, value))
        nearest = near.eval()[:, 1]
    result = np.mean(nearest // WORDS == np.arange(VOCABULARY) // WORDS)
    print("nearest word of the same topic: %.3f" % result)
    return float(result)


if __name__ == "__main__":
    main()
