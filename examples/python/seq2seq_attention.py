"""Reverse a sequence of digits with an encoder, a decoder and attention.

Bahdanau, Cho and Bengio, 2014; here with Luong's dot product.
"""

import numpy as np
import nodeflow as nf

LENGTH, SYMBOLS, HIDDEN, BATCH = 8, 10, 64, 64


def attend(query, memory):
    """The memory (rows, steps, hidden), weighted by how well it fits the query (rows, hidden)."""
    scores = nf.reduce_sum(memory * nf.expand_dims(query, 1), axis=2)
    weights = nf.nn.softmax(scores)
    return nf.reduce_sum(memory * nf.expand_dims(weights, 2), axis=1), weights


def main(steps=1000):
    """The share of symbols of new sequences that are reversed correctly."""
    nf.set_random_seed(1)
    source = nf.placeholder(nf.int32, [None, LENGTH], name="source")
    target = nf.placeholder(nf.int32, [None, LENGTH], name="target")
    embedding = nf.get_variable("embedding", [SYMBOLS + 1, HIDDEN])  # the last one starts

    with nf.variable_scope("encoder"):
        embedded = nf.nn.embedding_lookup(embedding, source)
        cell = nf.nn.rnn_cell.GRUCell(HIDDEN)
        memory, state = nf.nn.dynamic_rnn(cell, embedded, dtype=nf.float32)

    with nf.variable_scope("decoder"):
        start = nf.fill([nf.shape(source)[0], 1], SYMBOLS)
        given = nf.concat([start, target[:, :-1]], axis=1)
        inputs = nf.unstack(nf.nn.embedding_lookup(embedding, given), axis=1)
        cell = nf.nn.rnn_cell.GRUCell(HIDDEN)
        scores = []
        for step, word in enumerate(inputs):
            with nf.variable_scope("step", reuse=step > 0):
                output, state = cell(word, state)
                context, looked_at = attend(output, memory)
                joined = nf.concat([output, context], axis=1)
                joined = nf.layers.dense(joined, HIDDEN, activation=nf.tanh, name="join")
                scores.append(nf.layers.dense(joined, SYMBOLS, name="scores"))
        logits = nf.stack(scores, axis=1)

    losses = nf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=logits)
    loss = nf.reduce_mean(losses, name="loss")
    train = nf.train.AdamOptimizer(0.003).minimize(loss)
    guessed = nf.cast(nf.argmax(logits, axis=2), nf.int32)
    right = nf.reduce_mean(nf.cast(nf.equal(guessed, target), nf.float32), name="right")

    random = np.random.RandomState(1)
    with nf.Session() as sess:
        sess.run(nf.global_variables_initializer())
        for step in range(steps):
            numbers = random.randint(0, SYMBOLS, (BATCH, LENGTH))
            feed = {source: numbers, target: numbers[:, ::-1]}
            _, value = sess.run([train, loss], feed_dict=feed)
            if step % 200 == 0:
                print("step %4d  loss %.4f" % (step, value))
        numbers = random.randint(0, SYMBOLS, (500, LENGTH))
        result = sess.run(right, feed_dict={source: numbers, target: numbers[:, ::-1]})
    print("reversed correctly: %.4f" % result)
    return float(result)


if __name__ == "__main__":
    main()
