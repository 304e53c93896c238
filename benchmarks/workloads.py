"""The same arrays, sizes and starting weights for all libraries.

Plain numpy, so that a peer's process needs nothing of nodeflow. Data are made up, but of MNIST's
shapes, so no download is needed. Labels are partly wrong, because a vanishing loss makes numbers
denormal, and those are slow everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS = 55_000
CHAIN = 1000  # two scalar ops each
BRANCHES = 64
SGD = {"learning_rate": 0.002}
ADAM = {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
MOMENTUM = {"learning_rate": 0.1, "momentum": 0.9}
REDUCTIONS = ("sum", "mean", "max", "softmax", "argmax")
REDUCE_AXES: tuple[Any, ...] = (0, 1, 2, None)


@dataclass
class Work:
    """One case in one library, after its first call.

    Attributes:
        first: computes once; its result is compared between libraries.
        again: computes ``units`` times; timed.
        trace: computes one unit with every task timed, if a library can do that: Chrome's format.
    """

    first: Callable[[], Any]
    again: Callable[[], Any]
    units: int = 1
    trace: Callable[[], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Digits:
    """A training task of MNIST's shapes."""

    images: np.ndarray  # uint8 [ROWS, 784]
    labels: np.ndarray  # uint8 [ROWS]
    weights: tuple[np.ndarray, ...]

    def floats(self) -> tuple[np.ndarray, np.ndarray]:
        """Return images from 0 to 1 and one-hot labels, float32."""
        return self.images.astype(np.float32) / np.float32(255), np.eye(10, dtype=np.float32)[
            self.labels
        ]


def digits() -> Digits:
    """Return noisy pictures of ten fixed strokes, with one label in ten wrong."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, ROWS).astype(np.uint8)
    strokes = rng.random((10, 784)) < 0.2
    images = ((strokes[labels] & (rng.random((ROWS, 784)) < 0.9)) * 200).astype(np.uint8)
    wrong = rng.random(ROWS) < 0.1
    labels[wrong] = rng.integers(0, 10, wrong.sum())
    shapes = ((784, 300), 0.03), ((300,), 1.0), ((300, 10), 0.03), ((10,), 1.0)
    weights = tuple(rng.normal(0, s, shape).astype("float32") for shape, s in shapes)
    return Digits(images, labels, weights)


def steps_for(batch: int) -> int:
    """Return the training steps that are timed together: some tenths of a second."""
    return max(20, min(ROWS // batch, 1000))


def order(batch: int) -> np.ndarray:
    """Return the rows of each step's batch, int64 [steps, batch]."""
    steps = steps_for(batch)
    return np.random.default_rng(1).permutation(ROWS)[: steps * batch].reshape(steps, batch)


def pair() -> tuple[np.ndarray, np.ndarray]:
    """Return the operands of ``elem``."""
    rng = np.random.default_rng(0)
    return rng.random(4_000_000).astype("float32"), rng.random(4_000_000).astype("float32")


def cube() -> np.ndarray:
    """Return the operand of the reductions."""
    return np.random.default_rng(0).standard_normal((64, 256, 250)).astype("float32")


def branches() -> tuple[np.ndarray, np.ndarray]:
    """Return a batch of rows, and one matrix for each branch of ``wide``."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((128, 256)).astype("float32")
    return x, (rng.standard_normal((BRANCHES, 256, 128)) / 16).astype("float32")


@dataclass(frozen=True)
class Walks:
    """A recurrent training task: to which of ten classes a sequence belongs.

    Weights are (28, 512), (128, 512), (512,) of an LSTM, gates side by side in the order input,
    forget, candidate, output; then (128, 10) and (10,).
    """

    sequences: np.ndarray  # float32 [rows, 50, 28]
    labels: np.ndarray  # uint8 [rows]
    weights: tuple[np.ndarray, ...]

    def one_hot(self) -> np.ndarray:
        return np.eye(10, dtype=np.float32)[self.labels]


RNN_BATCH = 32
RNN_RATE = 0.1


def walks() -> Walks:
    """Return noise with a drift that each class has."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 2048).astype(np.uint8)
    drifts = rng.normal(0, 0.3, (10, 28))
    noise = rng.standard_normal((len(labels), 50, 28))
    sequences = (noise + drifts[labels][:, None]).astype("float32")
    shapes = ((28, 512), 0.2), ((128, 512), 0.08), ((512,), 0.1), ((128, 10), 0.1), ((10,), 0.1)
    weights = tuple(rng.normal(0, s, shape).astype("float32") for shape, s in shapes)
    return Walks(sequences, labels, weights)


def walk_order() -> np.ndarray:
    """Return the rows of each step's batch, int64 [steps, RNN_BATCH]."""
    return np.random.default_rng(1).permutation(2048).reshape(-1, RNN_BATCH)


CNN_BATCH = 64
CNN_RATE = 0.01


def filters() -> tuple[np.ndarray, ...]:
    """Return weights of ``cnn``.

    They are two layers of 5 x 5 filters (height, width, channels, filters), each with its biases;
    then the weights and biases of ten classes from 7 x 7 x 64 numbers (channels last).
    """
    rng = np.random.default_rng(0)
    shapes = (5, 5, 1, 32), (32,), (5, 5, 32, 64), (64,), (7 * 7 * 64, 10), (10,)
    return tuple(rng.normal(0, 0.05, shape).astype("float32") for shape in shapes)


def cnn_order() -> np.ndarray:
    """Return the rows of each step's batch, int64 [steps, CNN_BATCH]."""
    return np.random.default_rng(1).permutation(ROWS)[: 20 * CNN_BATCH].reshape(20, CNN_BATCH)


WORDS_BATCH = 128
WORDS_WIDTH = 128
WORDS_FAR = 64
WORDS_RATE = 0.05


@dataclass(frozen=True)
class Words:
    """Skip-gram with negative samples: rows of two tables, for each step.

    The loss is the mean of softplus(-x . near) and of softplus(x . far) over all pairs.
    """

    tables: tuple[np.ndarray, np.ndarray]  # float32 [words, WORDS_WIDTH]
    words: np.ndarray  # int32 [steps, WORDS_BATCH]
    near: np.ndarray  # int32 [steps, WORDS_BATCH]
    far: np.ndarray  # int32 [steps, WORDS_FAR]

    def steps(self) -> int:
        return len(self.words)


def words_rule(case: str) -> str:
    """Return how tables are trained: ``sgd``, ``adam``, or ``touched``: Adam of the named rows
    only."""
    own = case.split("_")[1]
    return "sgd" if own.isdigit() else own


def words(case: str) -> Words:
    """Return words as frequent as in a language: the r-th word's frequency is proportional to
    1 / r."""
    rows, rng = int(case.rpartition("_")[2]), np.random.default_rng(0)
    tables = tuple(rng.uniform(-0.5, 0.5, (rows, WORDS_WIDTH)).astype("float32") for _ in "xy")
    steps = 10 if words_rule(case) == "adam" else 200
    shapes = ((steps, WORDS_BATCH), (steps, WORDS_BATCH), (steps, WORDS_FAR))
    drawn = (((rows + 1.0) ** rng.random(shape) - 1).astype("int32") for shape in shapes)
    return Words((tables[0], tables[1]), *drawn)


WORDS = (
    "word2vec_50000", "word2vec_1000000",
    "word2vec_touched_50000", "word2vec_touched_1000000",
    "word2vec_adam_50000",
)  # fmt: skip


def training_case(name: str) -> tuple[str, int]:
    """Return optimizer and batch size of a training case: ``mnist_10`` is ("sgd", 10)."""
    optimizer, _, batch = name.partition("_")
    return {"mnist": "sgd"}.get(optimizer, optimizer), int(batch or 100)


TRAINING = ("mnist", "mnist_1", "mnist_10", "mnist_1000", "adam", "momentum")
OTHERS = ("elem", "chain", "wide", "rnn", "cnn", *WORDS, *(f"reduce_{kind}" for kind in REDUCTIONS))
