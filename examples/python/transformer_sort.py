"""A small transformer that learns to sort. Vaswani and others, Attention Is All You Need, 2017."""

import numpy as np
import nodeflow as nf

LENGTH, SYMBOLS, SIZE, HEADS, BATCH = 10, 20, 32, 4, 64


def normalize(x, name):
    """Layer normalization over the last axis."""
    with nf.variable_scope(name):
        mean, variance = nf.nn.moments(x, axes=[-1], keep_dims=True)
        scale = nf.get_variable("scale", [SIZE], initializer=nf.ones_initializer())
        offset = nf.get_variable("offset", [SIZE], initializer=nf.zeros_initializer())
        return scale * (x - mean) * nf.rsqrt(variance + 1e-6) + offset


def split_heads(x):
    """(rows, steps, size) as (rows, heads, steps, size / heads)."""
    return nf.transpose(nf.reshape(x, [-1, LENGTH, HEADS, SIZE // HEADS]), [0, 2, 1, 3])


def attention(x):
    """Every place looks at every other."""
    with nf.variable_scope("attention"):
        query, key, value = (
            split_heads(nf.layers.dense(x, SIZE, use_bias=False, name=name))
            for name in ("query", "key", "value")
        )
        scores = nf.matmul(query, key, transpose_b=True) / np.sqrt(SIZE // HEADS)
        seen = nf.matmul(nf.nn.softmax(scores), value)
        joined = nf.reshape(nf.transpose(seen, [0, 2, 1, 3]), [-1, LENGTH, SIZE])
        return nf.layers.dense(joined, SIZE, name="join")


def block(x, name):
    """Attention and a network for each place, with shortcuts around both."""
    with nf.variable_scope(name):
        x = x + attention(normalize(x, "before_attention"))
        inner = normalize(x, "before_network")
        inner = nf.layers.dense(inner, 4 * SIZE, activation=nf.nn.relu, name="wide")
        return x + nf.layers.dense(inner, SIZE, name="narrow")


def main(steps=1500):
    """The share of symbols of new sequences that are sorted correctly."""
    nf.set_random_seed(1)
    given = nf.placeholder(nf.int32, [None, LENGTH], name="given")
    wanted = nf.placeholder(nf.int32, [None, LENGTH], name="wanted")
    with nf.variable_scope("embed"):
        small = nf.random_normal_initializer(stddev=0.1)
        symbols = nf.get_variable("symbols", [SYMBOLS, SIZE], initializer=small)
        places = nf.get_variable("places", [LENGTH, SIZE], initializer=small)
        x = nf.gather(symbols, given) + places
    for number in range(2):
        x = block(x, "block_%d" % number)
    logits = nf.layers.dense(normalize(x, "last"), SYMBOLS, name="logits")
    losses = nf.nn.sparse_softmax_cross_entropy_with_logits(labels=wanted, logits=logits)
    loss = nf.reduce_mean(losses, name="loss")

    global_step = nf.train.get_or_create_global_step()
    rate = nf.train.exponential_decay(0.003, global_step, 500, 0.7)
    train = nf.train.AdamOptimizer(rate).minimize(loss, global_step=global_step)
    right = nf.equal(nf.cast(nf.argmax(logits, -1), nf.int32), wanted)
    accuracy = nf.reduce_mean(nf.cast(right, nf.float32))

    random = np.random.RandomState(1)
    with nf.Session() as sess:
        sess.run(nf.global_variables_initializer())
        for step in range(steps):
            numbers = random.randint(0, SYMBOLS, (BATCH, LENGTH))
            feed = {given: numbers, wanted: np.sort(numbers, axis=1)}
            _, value = sess.run([train, loss], feed_dict=feed)
            if step % 300 == 0:
                print("step %4d  loss %.4f" % (step, value))
        numbers = random.randint(0, SYMBOLS, (500, LENGTH))
        result = sess.run(accuracy, {given: numbers, wanted: np.sort(numbers, axis=1)})
    print("sorted correctly: %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
