"""Cases of `layer_workloads` as a user of nodeflow writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import layer_workloads as models
import numpy as np
from workloads import Work

import nodeflow as nf
from nodeflow import layers as nl
from nodeflow.ops.layers.functions import pooling_functions, without_variables
from nodeflow.ops.namespaces import image, nn
from nodeflow.ops.training.optimizers import AdamOptimizer
from nodeflow.ops.variables.scope import get_variable

MODELS: dict[str, Callable[..., Any]] = {}


def model(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a model: a function from placeholders to the loss."""
    MODELS[function.__name__] = function
    return function


def classified(logits: Any, labels: Any) -> Any:
    loss = nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return nf.reduce_mean(loss)


def normed(x: Any) -> Any:
    return nl.batch_normalization(x, training=True)


def conv(x: Any, filters: int, size: int = 3, **more: Any) -> Any:
    return nl.conv2d(x, filters, size, padding="same", **more)


def pooled(x: Any) -> Any:
    return pooling_functions.max_pooling2d(x, 2, 2)


@model
def autoencoder(x: Any) -> Any:
    h = conv(conv(x, 16, strides=2, activation=nf.relu), 32, strides=2, activation=nf.relu)
    h = nl.conv2d_transpose(h, 16, 3, strides=2, padding="same", activation=nf.relu)
    return nf.reduce_mean(nf.square(nl.conv2d_transpose(h, 1, 3, strides=2, padding="same") - x))


@model
def separable(x: Any, y: Any) -> Any:
    h = nn.relu6(normed(conv(x, 32, use_bias=False)))
    for filters, stride in ((64, 1), (128, 2), (128, 1), (256, 2)):
        h = nl.depthwise_conv2d(h, 3, strides=stride, padding="same", use_bias=False)
        h = nn.relu6(normed(h))
        h = nn.relu6(normed(conv(h, filters, 1, use_bias=False)))
    return classified(nl.dense(nf.reduce_mean(h, axis=(1, 2)), 10), y)


@model
def both_ways(x: Any, y: Any) -> Any:
    h = nl.embedding(x, models.WORDS, 64)
    ends = [nl.lstm(h, 64), nl.lstm(nf.reverse(h, axis=1), 64)]
    return classified(nl.dense(nf.concat(ends, axis=1), 2), y)


@model
def u_net(x: Any, y: Any) -> Any:
    def twice(h: Any, filters: int) -> Any:
        return conv(conv(h, filters, activation=nf.relu), filters, activation=nf.relu)

    first = twice(x, 16)
    second = twice(pooled(first), 32)
    up = nl.conv2d_transpose(twice(pooled(second), 64), 32, 2, strides=2)
    up = nl.conv2d_transpose(twice(nf.concat([up, second], axis=3), 32), 16, 2, strides=2)
    return classified(conv(twice(nf.concat([up, first], axis=3), 16), 2, 1), y)


@model
def text(x: Any, y: Any) -> Any:
    h = nl.embedding(x, models.WORDS, 64)
    found = [nf.reduce_max(nl.conv1d(h, 64, k, activation=nf.relu), axis=1) for k in (3, 4, 5)]
    return classified(
        nl.dense(without_variables.dropout(nf.concat(found, axis=1), 0.5, training=True), 2), y
    )


@model
def variational(x: Any) -> Any:
    x = nf.sigmoid(x)
    h = nl.dense(x, 400, activation=nf.relu)
    mean, spread = nl.dense(h, 20), nl.dense(h, 20)
    z = mean + nf.exp(spread * 0.5) * nf.random_normal([128, 20])
    out = nl.dense(nl.dense(z, 400, activation=nf.relu), 784)
    lost = nn.sigmoid_cross_entropy_with_logits(labels=x, logits=out)
    apart = 1 + spread - nf.square(mean) - nf.exp(spread)
    return nf.reduce_mean(nf.reduce_sum(lost, axis=1) - 0.5 * nf.reduce_sum(apart, axis=1))


@model
def normalized(x: Any, y: Any) -> Any:
    for _ in range(3):
        x = nf.relu(normed(nl.dense(x, 512, use_bias=False)))
    return classified(nl.dense(x, 10), y)


@model
def volumes(x: Any, y: Any) -> Any:
    for filters in (8, 16):
        x = nl.conv3d(x, filters, 3, padding="same", activation=nf.relu)
        x = pooling_functions.max_pooling3d(x, 2, 2)
    return classified(nl.dense(without_variables.flatten(x), 10), y)


@model
def waves(x: Any, y: Any) -> Any:
    h = nl.conv1d(x, 32, 3, padding="same")
    for step in (1, 2, 4, 8):
        seen = nl.conv1d(h, 64, 3, padding="same", dilation_rate=step)
        value, gate = nf.split(seen, 2, axis=2)
        h = h + nl.conv1d(nf.tanh(value) * nf.sigmoid(gate), 32, 1)
    return classified(nl.dense(nf.reduce_mean(h, axis=1), 10), y)


@model
def patches(x: Any, y: Any) -> Any:
    h = nf.reshape(nl.conv2d(x, 64, 4, strides=4), [-1, 64, 64])
    for _ in range(3):
        h = h + nl.multi_head_attention(nl.layer_normalization(h), 4)
        up = nl.dense(nl.layer_normalization(h), 256, activation=nf.gelu)
        h = h + nl.dense(up, 64)
    return classified(nl.dense(nf.reduce_mean(h, axis=1), 10), y)


@model
def labels(x: Any, y: Any) -> Any:
    h = nl.gru(nl.embedding(x, models.WORDS, 64), 96, return_sequences=True)
    return classified(nl.dense(h, 20), y)


@model
def adversarial(noise: Any, real: Any) -> Any:
    made = nl.dense(nl.dense(noise, 256, activation=nn.leaky_relu), 784, activation=nf.tanh)
    first, last = nl.Dense(256, activation=nn.leaky_relu), nl.Dense(1)
    is_real, is_fake = (last(first(each)) for each in (real, made))
    return nf.reduce_mean(nf.softplus(-is_real)) + nf.reduce_mean(nf.softplus(is_fake))


@model
def many_words(x: Any, y: Any) -> Any:
    h = nf.reduce_mean(nl.embedding(x, models.MANY, 32), axis=1)
    return classified(nl.dense(nl.dense(h, 64, activation=nf.relu), 2), y)


@model
def bottlenecks(x: Any, y: Any) -> Any:
    for _ in range(2):
        h = nf.relu(normed(conv(x, 32, 1, use_bias=False)))
        h = nf.relu(normed(conv(h, 32, use_bias=False)))
        x = nf.relu(x + normed(conv(h, 64, 1, use_bias=False)))
    return classified(nl.dense(nf.reduce_mean(x, axis=(1, 2)), 10), y)


@model
def next_word(x: Any, y: Any) -> Any:
    h = nl.embedding(x, 2000, 128)
    for _ in range(2):
        h = nl.lstm(h, 128, return_sequences=True)
    return classified(nl.dense(h, 2000), y)


@model
def lenet(x: Any, y: Any) -> Any:
    h = pooled(conv(x, 6, 5, activation=nf.tanh))
    h = without_variables.flatten(pooled(nl.conv2d(h, 16, 5, activation=nf.tanh)))
    for units in (120, 84):
        h = nl.dense(h, units, activation=nf.tanh)
    return classified(nl.dense(h, 10), y)


@model
def alexnet(x: Any, y: Any) -> Any:
    h = pooled(conv(x, 64, 11, strides=4, activation=nf.relu))
    h = pooled(conv(h, 192, 5, activation=nf.relu))
    h = without_variables.flatten(conv(h, 256, activation=nf.relu))
    h = without_variables.dropout(nl.dense(h, 1024, activation=nf.relu), 0.5, training=True)
    return classified(nl.dense(h, 10), y)


@model
def generator(noise: Any) -> Any:
    h = nf.relu(normed(nf.reshape(nl.dense(noise, 2048), [-1, 4, 4, 128])))
    for filters in (64, 32):
        h = nl.conv2d_transpose(h, filters, 4, strides=2, padding="same")
        h = nf.relu(normed(h))
    made = nf.tanh(nl.conv2d_transpose(h, 3, 4, strides=2, padding="same"))
    return nf.reduce_mean(nf.square(made))


@model
def siamese(one: Any, other: Any) -> Any:
    first, second = (nl.Conv2D(n, 3, activation=nf.relu) for n in (16, 32))
    last = nl.Dense(64)

    def place(x: Any) -> Any:
        h = without_variables.flatten(pooled(second(pooled(first(x)))))
        return nn.l2_normalize(last(h), axis=1)

    return nf.reduce_mean(nf.reduce_sum(nf.square(place(one) - place(other)), axis=1))


@model
def curve(x: Any, y: Any) -> Any:
    for _ in range(4):
        x = nl.dense(x, 64, activation=nf.tanh)
    return nf.reduce_mean(nf.square(nl.dense(x, 1) - y))


@model
def grouped(x: Any, y: Any) -> Any:
    for number in range(3):
        filters = get_variable(f"filters{number}", shape=[3, 3, 8, 32])
        x = nf.relu(nf.conv2d(x, filters, padding="same", groups=4) + x)
    return classified(nl.dense(nf.reduce_mean(x, axis=(1, 2)), 10), y)


@model
def upsampled(x: Any) -> Any:
    h = conv(image.resize_bilinear(x, [64, 64]), 16, activation=nf.relu)
    return nf.reduce_mean(nf.square(conv(image.resize_nearest_neighbor(h, [128, 128]), 3)))


@model
def recommended(user: Any, item: Any, rating: Any) -> Any:
    both = [nl.embedding(each, models.USERS, 32) for each in (user, item)]
    h = nl.dense(nf.concat(both, axis=1), 64, activation=nf.relu)
    found = nf.reduce_sum(both[0] * both[1], axis=1) + nf.squeeze(nl.dense(h, 1), axis=1)
    return nf.reduce_mean(nf.square(found - rating))


def prepare(case: str, threads: int | None) -> Work:
    """Prepare steps of Adam. The number of trained weights is compared."""
    arrays = models.arrays_of(case)
    with nf.Graph() as g:
        given = [nf.placeholder(a.dtype.name, list(a.shape)) for a in arrays]
        loss = MODELS[case.removeprefix("model_")](*given)
        weights = [v for v in nf.trainable_variables() if len(v.shape) > 1]
        step = AdamOptimizer(models.RATE).minimize(loss)
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()
    call = session.make_callable([step, loss], given)

    def first() -> list[Any]:
        lost = call(*arrays)[1]
        return [np.sum([np.prod(v.shape) for v in weights]), np.isfinite(lost)]

    return Work(first, lambda: call(*arrays))
