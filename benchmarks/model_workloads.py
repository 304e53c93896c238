"""Sizes, data and starting weights of the models that people grow into; see workloads.py.

Every model comes in three scales. Its computation is written down once, here, in words. The peers'
programs compute the same, and their first losses are compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import workloads

Weights = dict[str, np.ndarray]
EPSILON = 1e-5
"""Epsilon of all normalisations."""
BATCHES = 8
"""Different batches, which are trained on in turn."""
MOMENTUM = {"learning_rate": 0.01, "momentum": 0.9}


def scale_of(case: str) -> tuple[str, str]:
    """Return model and scale: ``transformer_small`` is ("transformer", "small")."""
    model, _, scale = case.rpartition("_")
    return model, scale


def drawn(seed: int, **shapes: tuple[int, ...]) -> Weights:
    """Return normal kernels, divided by the root of the number of terms they add up; small
    vectors."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, shape in shapes.items():
        terms = math.prod(shape[:-1]) if len(shape) > 1 else 100
        value = rng.normal(0, terms**-0.5, shape) + (len(shape) == 1 and name.endswith("scale"))
        found[name] = value.astype("float32")
    return found


# ---- transformers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Transformer:
    """Layers x + attention(norm(x)), then x + down(gelu(up(norm(x)))); gelu by the error function.

    ``transformer``: sequences of ``width`` features; the mean over the steps of the last
    normalisation goes to ten classes. ``causal``: words and positions are looked up, no step sees
    later steps, and each step's product with the table of words predicts the next word. Adam.
    """

    layers: int
    width: int
    heads: int
    hidden: int
    steps: int
    rows: int
    words: int = 0

    @property
    def causal(self) -> bool:
        return self.words > 0

    def weights(self) -> Weights:
        w, layer = self.width, dict[str, tuple[int, ...]]()
        for k in range(self.layers):
            layer |= {
                f"{k}/norm1_scale": (w,), f"{k}/norm1_offset": (w,),
                f"{k}/qkv": (w, 3 * w), f"{k}/qkv_bias": (3 * w,),
                f"{k}/out": (w, w), f"{k}/out_bias": (w,),
                f"{k}/norm2_scale": (w,), f"{k}/norm2_offset": (w,),
                f"{k}/up": (w, self.hidden), f"{k}/up_bias": (self.hidden,),
                f"{k}/down": (self.hidden, w), f"{k}/down_bias": (w,),
            }  # fmt: skip
        ends = {"norm_scale": (w,), "norm_offset": (w,)}
        if self.causal:
            ends |= {"table": (self.words, w), "positions": (self.steps, w)}
        else:
            ends |= {"head": (w, 10), "head_bias": (10,)}
        return drawn(1, **layer, **ends)

    def batches(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of each step: floats and classes, or words and the next words, int32."""
        rng = np.random.default_rng(2)
        if self.causal:
            text = (rng.random((BATCHES, self.rows, self.steps + 1)) ** 2 * self.words).astype(
                "int32"
            )
            return text[:, :, :-1], text[:, :, 1:]
        y = rng.integers(0, 10, (BATCHES, self.rows)).astype("int32")
        drift = rng.normal(0, 0.5, (10, self.width))
        noise = rng.standard_normal((BATCHES, self.rows, self.steps, self.width))
        return (noise + drift[y][:, :, None]).astype("float32"), y

    def flops(self) -> float:
        """Return the operations of one training step: forward, and twice as many backward."""
        tokens, w = self.rows * self.steps, self.width
        layer = 2 * tokens * w * (4 * w + 2 * self.hidden)
        scores = 4 * tokens * self.steps * w * (0.5 if self.causal else 1)
        return 3 * (self.layers * (layer + scores) + 2 * tokens * w * self.words)


TRANSFORMERS = {
    "transformer_small": Transformer(2, 64, 4, 256, 32, 16),
    "transformer_medium": Transformer(2, 128, 4, 512, 128, 16),
    "transformer_large": Transformer(4, 256, 8, 1024, 256, 8),
    "causal_small": Transformer(2, 64, 4, 256, 64, 8, words=256),
    "causal_medium": Transformer(2, 128, 4, 512, 128, 16, words=1000),
    "causal_large": Transformer(4, 256, 8, 1024, 256, 8, words=4000),
}


# ---- pictures -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class DeepCnn:
    """3 x 3 filters: a first layer, then blocks relu(x + norm(conv(relu(norm(conv(x)))))), the mean
    over all places, and ten classes. Batch statistics, SGD with momentum."""

    channels: int
    side: int
    blocks: int
    rows: int

    def weights(self) -> Weights:
        c = self.channels
        shapes: dict[str, tuple[int, ...]] = {"first": (3, 3, 3, c)}
        for k in range(self.blocks):
            for half in "ab":
                shapes |= {f"{k}{half}": (3, 3, c, c), f"{k}{half}_scale": (c,),
                           f"{k}{half}_offset": (c,)}  # fmt: skip
        return drawn(3, **shapes, head=(c, 10), head_bias=(10,))

    def batches(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pictures, channels last, and classes of each step."""
        rng = np.random.default_rng(4)
        y = rng.integers(0, 10, (BATCHES, self.rows)).astype("int32")
        tint = rng.normal(0, 0.5, (10, 3))
        noise = rng.standard_normal((BATCHES, self.rows, self.side, self.side, 3))
        return (noise + tint[y][:, :, None, None]).astype("float32"), y

    def flops(self) -> float:
        places = self.rows * self.side**2
        c = self.channels
        return 2 * 9 * places * c * (3 * 2 * self.blocks * c + 2 * 3)


DEEP_CNNS = {
    "deep_cnn_small": DeepCnn(16, 16, 2, 32),
    "deep_cnn_medium": DeepCnn(32, 28, 3, 32),
    "deep_cnn_large": DeepCnn(64, 32, 4, 32),
}


# ---- dense layers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dense:
    """Layers of relu, the last one without. Adam.

    ``deep_mlp``: ten classes, with a tenth dropped after each relu; the loss without dropping,
    before the first step, is compared. ``autoencoder``: the last layer is a sigmoid, and the loss
    is its squared distance from the input.
    """

    sizes: tuple[int, ...]
    rows: int

    def weights(self) -> Weights:
        shapes: dict[str, tuple[int, ...]] = {}
        for k, (a, b) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            shapes |= {f"{k}": (a, b), f"{k}_bias": (b,)}
        return drawn(5, **shapes)

    def batches(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(6)
        x = rng.random((BATCHES, self.rows, self.sizes[0])).astype("float32")
        return x, rng.integers(0, 10, (BATCHES, self.rows)).astype("int32")

    @property
    def layers(self) -> int:
        return len(self.sizes) - 1

    def flops(self) -> float:
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        return 2 * self.rows * (3 * sum(a * b for a, b in pairs) - pairs[0][0] * pairs[0][1])

    def parameters(self) -> int:
        return sum((a + 1) * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))


DROPPED = 0.1
DEEP_MLPS = {
    "deep_mlp_small": Dense((64, *[128] * 4, 10), 64),
    "deep_mlp_medium": Dense((784, *[512] * 4, 10), 100),
    "deep_mlp_large": Dense((784, *[1024] * 6, 10), 256),
    "deep_mlp_one": Dense((784, *[512] * 4, 10), 1),
    "deep_mlp_few": Dense((784, *[512] * 4, 10), 8),
}
AUTOENCODERS = {
    "autoencoder_small": Dense((64, 32, 8, 32, 64), 64),
    "autoencoder_medium": Dense((784, 256, 32, 256, 784), 100),
    "autoencoder_large": Dense((784, 1024, 256, 64, 256, 1024, 784), 256),
}


# ---- sequences ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gru:
    """z, r = sigmoid, n = tanh(p + r (h U)), h' = (1 - z) n + z h; the last state goes to ten
    classes. Kernels hold z, r, n side by side. SGD."""

    features: int
    units: int
    steps: int
    rows: int

    def weights(self) -> Weights:
        u = self.units
        return drawn(7, kernel=(self.features, 3 * u), recurrent=(u, 3 * u), bias=(3 * u,),
                     head=(u, 10), head_bias=(10,))  # fmt: skip

    def batches(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(8)
        y = rng.integers(0, 10, (BATCHES, self.rows)).astype("int32")
        drift = rng.normal(0, 0.3, (10, self.features))
        noise = rng.standard_normal((BATCHES, self.rows, self.steps, self.features))
        return (noise + drift[y][:, :, None]).astype("float32"), y

    def flops(self) -> float:
        u = self.units
        return 2 * self.rows * self.steps * 3 * u * (3 * u + 2 * self.features)


GRUS = {
    "gru_small": Gru(16, 32, 30, 32),
    "gru_medium": Gru(28, 128, 50, 32),
    "gru_large": Gru(64, 256, 100, 64),
}
TRAINED = {**TRANSFORMERS, **DEEP_CNNS, **DEEP_MLPS, **GRUS, **AUTOENCODERS}


# ---- inference ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lstm:
    """An LSTM as in workloads.Walks, whose last state goes to ten classes."""

    def weights(self) -> Weights:
        return drawn(9, kernel=(28, 512), recurrent=(128, 512), bias=(512,),
                     head=(128, 10), head_bias=(10,))  # fmt: skip


@dataclass(frozen=True)
class Cnn:
    """Like ``cnn``: twice 5 x 5 filters, relu and the largest of 2 x 2, then ten classes."""

    def weights(self) -> Weights:
        return dict(zip(("f1", "b1", "f2", "b2", "head", "head_bias"), workloads.filters(),
                        strict=True))  # fmt: skip


INFERRED: dict[str, Transformer | Dense | Lstm | Cnn] = {
    "mlp": Dense((784, 300, 10), 1),
    "cnn": Cnn(),
    "lstm": Lstm(),
    "transformer": TRANSFORMERS["transformer_medium"],
}
INFER = tuple(f"infer_{model}_{rows}" for model in INFERRED for rows in (1, 64))
INPUTS = {"mlp": (784,), "cnn": (28, 28, 1), "lstm": (50, 28), "transformer": (128, 128)}


def inference(case: str) -> tuple[str, np.ndarray]:
    """Return the model, and its input."""
    _, model, rows = case.split("_")
    shape = (int(rows), *INPUTS[model])
    return model, np.random.default_rng(10).random(shape).astype("float32")


def inference_flops(case: str) -> float:
    model, x = inference(case)
    per_row = {
        "mlp": 2 * (784 * 300 + 300 * 10),
        "cnn": 2 * 25 * (28 * 28 * 32 + 14 * 14 * 32 * 64) + 2 * 3136 * 10,
        "lstm": 2 * 50 * 512 * (28 + 128),
        "transformer": TRANSFORMERS["transformer_medium"].flops() / 3 / 16,
    }
    return per_row[model] * len(x)


# ---- products and formulas ----------------------------------------------------------------------

SHAPES = {
    "64": (1, 64, 64, 64),
    "256": (1, 256, 256, 256),
    "512": (1, 512, 512, 512),
    "1024": (1, 1024, 1024, 1024),
    "2048": (1, 2048, 2048, 2048),
    "tall": (1, 16384, 64, 256),
    "thin": (1, 64, 64, 16384),
    "batched": (64, 128, 128, 64),
    "column": (1, 16384, 1, 256),
    "many": (1024, 8, 8, 8),
}
"""Number of matrices, m, n and k."""
KINDS = ("float32", "float64")
PRODUCTS = tuple(f"matmul_{shape}_{kind}" for kind in KINDS for shape in SHAPES)


def factors(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return factors (m, k) and (k, n), with a leading axis if there are several."""
    _, shape, kind = case.split("_")
    count, m, n, k = SHAPES[shape]
    rng = np.random.default_rng(11)
    a, b = (rng.standard_normal((count, *s)).astype(kind) for s in ((m, k), (k, n)))
    return (a[0], b[0]) if count == 1 else (a, b)


FAMILIES = ("arithmetic", "exp", "tanh", "gelu", "sigmoid", "log", "softplus", "sin", "sqrt")
"""``arithmetic`` is (x + 1) * x - 0.5 * x; gelu is exact; log and sqrt are of x * x + 1."""
BYTES = {"4K": 4 << 10, "256K": 256 << 10, "16M": 16 << 20}
FORMULAS = tuple(f"elementwise_{f}_{b}_{k}" for k in KINDS for b in BYTES for f in FAMILIES)


def operands(case: str) -> tuple[str, list[np.ndarray]]:
    """Return the family, and the arrays that one call computes it for.

    Several small arrays make the call's own time negligible.
    """
    _, family, size, kind = case.split("_")
    count = {"4K": 64, "256K": 4, "16M": 1}[size]
    shape = (count, BYTES[size] // np.dtype(kind).itemsize)
    return family, list(np.random.default_rng(12).uniform(-3, 3, shape).astype(kind))


CASES = frozenset((*TRAINED, *INFER, *PRODUCTS, *FORMULAS))
