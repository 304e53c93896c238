"""Answers to lessons that train: right ones built differently, and typical mistakes by their signs.

Each is drawn into the lesson's start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.starters.drawing import Drawing

Edit = Callable[[Drawing], None]


def drawn(start: Document, edit: Edit) -> Document:
    """Return a document, edited."""
    drawing = Drawing()
    drawing.doc = start
    drawing.ids = {record.name: record.id for record in start.nodes.values()}
    drawing.group("", "math")
    edit(drawing)
    return start


def set_attrs(e: Drawing, name: str, **attrs: Any) -> None:
    for attr, value in attrs.items():
        commands.set_attr(e.doc, e.ids[name], attr, value)


def settings(e: Drawing, **fields: Any) -> None:
    commands.set_training(e.doc, **fields)


# ---- honest measurement --------------------------------------------------------------------------


def _by_division(e: Drawing) -> None:
    e.add("multiply", "new", "is_new", "row_losses")
    e.add("reduce_sum", "total", "new")
    e.add("reduce_sum", "count", "is_new")
    e.add("divide", "new_loss", "total", "count")
    e.add("subtract", "old", "one", "is_new")
    e.add("multiply", "kept", "old", "row_losses")
    e.add("reduce_sum", "old_total", "kept")
    e.add("reduce_sum", "old_count", "old")
    e.add("divide", "old_loss", "old_total", "old_count")
    e.add("subtract", "gap", "new_loss", "old_loss")


def _by_difference(e: Drawing) -> None:
    """Subtract the new rows from all rows."""
    e.add("reduce_sum", "all", "row_losses")
    e.add("multiply", "new", "row_losses", "is_new")
    e.add("reduce_sum", "new_total", "new")
    e.add("subtract", "old_total", "all", "new_total")
    e.add("reduce_sum", "new_count", "is_new")
    e.add("subtract", "is_old", "one", "is_new")
    e.add("reduce_sum", "old_count", "is_old")
    e.add("divide", "new_loss", "new_total", "new_count")
    e.add("divide", "old_loss", "old_total", "old_count")
    e.add("subtract", "gap", "new_loss", "old_loss")


def _by_means(e: Drawing) -> None:
    """Divide the mean of the masked losses by the mean of the mask."""
    e.add("multiply", "new", "row_losses", "is_new")
    e.add("reduce_mean", "part", "new")
    e.add("reduce_mean", "share", "is_new")
    e.add("divide", "new_loss", "part", "share")
    e.add("subtract", "is_old", "one", "is_new")
    e.add("multiply", "old", "row_losses", "is_old")
    e.add("reduce_mean", "old_part", "old")
    e.add("reduce_mean", "old_share", "is_old")
    e.add("divide", "old_loss", "old_part", "old_share")
    e.add("negative", "minus", "old_loss")
    e.add("add", "gap", "new_loss", "minus")


def _by_weights(e: Drawing) -> None:
    """Give each new row its share of the mean."""
    e.add("reduce_sum", "count", "is_new")
    e.add("divide", "weight", "is_new", "count")
    e.add("multiply", "weighed", "row_losses", "weight")
    e.add("reduce_sum", "new_loss", "weighed")
    e.add("subtract", "is_old", "one", "is_new")
    e.add("reduce_sum", "old_count", "is_old")
    e.add("divide", "old_weight", "is_old", "old_count")
    e.add("subtract", "both", "weight", "old_weight")
    e.add("multiply", "signed", "both", "row_losses")
    e.add("reduce_sum", "gap", "signed")


def _by_products(e: Drawing) -> None:
    """Add up by a product of matrices."""
    e.add("expand_dims", "row", "row_losses", axis=0)
    e.add("subtract", "is_old", "one", "is_new")
    for mask, name in (("is_new", "new"), ("is_old", "old")):
        e.add("expand_dims", f"{name}_column", mask, axis=1)
        e.add("matmul", f"{name}_product", "row", f"{name}_column")
        e.add("reduce_sum", f"{name}_total", f"{name}_product")
        e.add("reduce_sum", f"{name}_count", mask)
    e.add("divide", "new_loss", "new_total", "new_count")
    e.add("divide", "old_loss", "old_total", "old_count")
    e.add("subtract", "gap", "new_loss", "old_loss")


def _honest(measure: Edit, splits: list[float], stop: Mapping[str, Any], watched: str = "") -> Edit:
    def edit(e: Drawing) -> None:
        measure(e)
        set_attrs(e, "points", splits=splits)
        settings(e, **stop)
        if watched:
            settings(e, monitor={"node": e.ids["loss"], "split": watched})

    return edit


# ---- see it learn, learning rates ----------------------------------------------------------------


def _rate(rate: float, **fields: Any) -> Edit:
    def edit(e: Drawing) -> None:
        set_attrs(e, "train", learning_rate=rate)
        settings(e, **fields)

    return edit


def _small_network(e: Drawing) -> None:
    set_attrs(e, "train", learning_rate=1e-5)
    set_attrs(e, "hidden", units=20, activation="tanh")


def _no_train(e: Drawing) -> None:
    commands.remove(e.doc, [e.ids["train"]])


# ---- exclusive or, digits ------------------------------------------------------------------------


def _layers(e: Drawing, layers: list[tuple[int, str]], **attrs: Any) -> str:
    """Add layers one after another; return the name of the last."""
    last = "x"
    for number, (units, activation) in enumerate(layers):
        name = f"layer_{number}"
        e.add("layers/dense", name, last, units=units, activation=activation, **attrs)
        last = name
    return last


def _corners(
    layers: list[tuple[int, str]], rate: float = 0.5, *, zeros: bool = False, **fields: Any
) -> Edit:
    def edit(e: Drawing) -> None:
        start = {"kernel_initializer": {"op": "fill", "value": 0.0}} if zeros else {}
        score = _layers(e, [*layers, (1, "linear")], **start)
        e.wire(score, "wrong:logits")
        e.wire(score, "p:x")
        set_attrs(e, "train", learning_rate=rate)
        settings(e, **fields)

    return edit


def _corners_by_hand(e: Drawing) -> None:
    """Build both layers from single operations."""
    random = {"op": "glorot_uniform"}
    e.add("variable", "W", dtype="float32", shape=[2, 3], initializer=random)
    e.add("variable", "b", dtype="float32", shape=[3], value=0.0)
    e.add("matmul", "product", "x", "W")
    e.add("add", "sum", "product", "b")
    e.add("tanh", "curve", "sum")
    e.add("variable", "V", dtype="float32", shape=[3, 1], initializer=random)
    e.add("variable", "c", dtype="float32", shape=[1], value=0.0)
    e.add("matmul", "weighed", "curve", "V")
    e.add("add", "score", "weighed", "c")
    e.wire("score", "wrong:logits")
    e.wire("score", "p:x")


def _digits(
    layers: list[tuple[int, str]],
    optimizer: str = "gradient_descent",
    rate: float = 0.5,
    *,
    zeros: bool = False,
    softmaxes: int = 1,
) -> Edit:
    def edit(e: Drawing) -> None:
        start = {"kernel_initializer": {"op": "fill", "value": 0.0}} if zeros else {}
        last = _layers(e, [*layers, (10, "linear")], **start)
        for number in range(softmaxes):
            name = "probabilities" if number == softmaxes - 1 else f"softmax_{number}"
            last = e.add("softmax", name, last)
        e.wire("probabilities", "wrong:predictions")
        e.wire("probabilities", "accuracy:predictions")
        e.add(optimizer, "train", "loss", learning_rate=rate)

    return edit


def _digits_by_logarithms(e: Drawing) -> None:
    scores = _layers(e, [(300, "relu"), (10, "linear")])
    e.add("log_softmax", "logs", scores)
    e.add("exp", "probabilities", "logs")
    e.wire("probabilities", "wrong:predictions")
    e.wire("probabilities", "accuracy:predictions")
    e.add("gradient_descent", "train", "loss", learning_rate=0.4)


# ---- what helps ----------------------------------------------------------------------------------


def _running_mean(e: Drawing) -> None:
    """Move a part of the way to the gradient."""
    e.add("subtract", "ahead", "gradient", "mean")
    e.add("multiply", "way", "ahead", "share")
    e.add("add", "new_mean", "mean", "way")


def _sum_of_products(e: Drawing) -> None:
    e.add("multiply", "a", "gradient", "share")
    e.add("multiply", "b", "keep", "mean")
    e.add("add", "new_mean", "a", "b")


def _running_square(e: Drawing) -> None:
    e.add("multiply", "g2", "gradient", "gradient")
    e.add("multiply", "c", "share", "g2")
    e.add("multiply", "d", "keep", "square")
    e.add("add", "new_square", "c", "d")


def _square_by_power(e: Drawing) -> None:
    e.add("constant", "two", dtype="float32", value=2.0)
    e.add("power", "g2", "gradient", "two")
    e.add("subtract", "ahead_square", "g2", "square")
    e.add("multiply", "way_square", "ahead_square", "share")
    e.add("add", "new_square", "way_square", "square")


def _step_at_once(e: Drawing) -> None:
    """Weigh the mean by the rate first."""
    e.add("sqrt", "root", "new_square")
    e.add("add", "low", "tiny", "root")
    e.add("multiply", "scaled", "rate", "new_mean")
    e.add("divide", "s", "scaled", "low")
    e.add("subtract", "moved", "weight", "s")


def _step_by_negative(e: Drawing) -> None:
    e.add("sqrt", "root", "new_square")
    e.add("add", "low", "root", "tiny")
    e.add("reciprocal", "one_by", "low")
    e.add("multiply", "towards", "new_mean", "one_by")
    e.add("negative", "back", "rate")
    e.add("multiply", "s", "towards", "back")
    e.add("add", "moved", "s", "weight")


def _shrink_after(e: Drawing) -> None:
    e.add("multiply", "amount", "rate", "decay")
    e.add("multiply", "less", "amount", "weight")
    e.add("subtract", "new_weight", "moved", "less")


def _shrink_by_difference(e: Drawing) -> None:
    e.add("multiply", "pull", "decay", "weight")
    e.add("multiply", "pulled", "pull", "rate")
    e.add("negative", "other_way", "pulled")
    e.add("add", "new_weight", "other_way", "moved")


def _helped(
    *parts: Edit,
    optimizer: str = "adam",
    rate: float = 0.02,
    decay: float = 1.0,
    batch: int = 10,
    initializer: Mapping[str, Any] | None = None,
) -> Edit:
    def edit(e: Drawing) -> None:
        for part in parts or (_sum_of_products, _running_square, _step_at_once, _shrink_after):
            part(e)
        for name in ("hidden", "score"):
            set_attrs(e, name, kernel_initializer=dict(initializer or {"op": "glorot_uniform"}))
        e.add(optimizer, "train", "loss", learning_rate=rate, weight_decay=decay)
        settings(e, batch_size=batch)

    return edit


# ---- the clinic ----------------------------------------------------------------------------------

ONES = [1.0] * 10


def _mended(
    *,
    spread: float = 1.0,
    bias: float = 0.0,
    hidden: Mapping[str, Any] | None = None,
    train: Mapping[str, Any] | None = None,
    watched: str = "",
    **fields: Any,
) -> Edit:
    def edit(e: Drawing) -> None:
        set_attrs(e, "spread", value=[1.0, spread, *ONES[2:]])
        set_attrs(e, "hidden", bias_initializer={"op": "fill", "value": bias}, **(hidden or {}))
        set_attrs(e, "train", **(train or {}))
        settings(e, **fields)
        if watched:
            settings(e, monitor={"node": e.ids["loss"], "split": watched})

    return edit


def _one_number_for_all(e: Drawing) -> None:
    _mended(patience=3)(e)
    set_attrs(e, "spread", value=1.0)


# ---- invent names --------------------------------------------------------------------------------


def _gathered(e: Drawing) -> None:
    e.add("gather", "three", "letters", "tokens")
    e.add("reshape", "side_by_side", "three", shape=[-1, 30])


def _looked_up(e: Drawing) -> None:
    e.add("embedding_lookup", "three", "letters", "tokens")
    e.add("reshape", "side_by_side", "three", shape=[-1, 30])


def _by_one_hot(e: Drawing) -> None:
    """Multiply rows with a single 1 by the table."""
    e.add("reshape", "flat", "tokens", shape=[-1])
    e.add("one_hot", "marks", "flat", depth=28, dtype="float32")
    e.add("matmul", "vectors", "marks", "letters")
    e.add("reshape", "three", "vectors", shape=[-1, 3, 10])
    e.add("reshape", "side_by_side", "vectors", shape=[-1, 30])


def _joined(e: Drawing) -> None:
    """Join the vectors of the first, second and third letter."""
    e.add("embedding_lookup", "three", "letters", "tokens")
    for place in range(3):
        e.add("slice", f"one_{place}", "three", begin=[0, place, 0], size=[-1, 1, -1])
        e.add("squeeze", f"vector_{place}", f"one_{place}", axis=[1])
    e.add("concat", "side_by_side", axis=1)
    for place in range(3):
        e.wire(f"vector_{place}", f"side_by_side:values.{place}")


def _chances(e: Drawing) -> None:
    e.add("divide", "sharper", "some_scores", "temperature")
    e.add("softmax", "chances", "sharper")


def _chances_by_logarithms(e: Drawing) -> None:
    e.add("reciprocal", "coldness", "temperature")
    e.add("multiply", "sharper", "some_scores", "coldness")
    e.add("log_softmax", "logs", "sharper")
    e.add("exp", "chances", "logs")


def _chances_by_shares(e: Drawing) -> None:
    e.add("divide", "sharper", "some_scores", "temperature")
    e.add("exp", "powers", "sharper")
    e.add("reduce_sum", "all_powers", "powers", axis=-1, keepdims=True)
    e.add("divide", "chances", "powers", "all_powers")


def _names(
    letters: Edit,
    chances: Edit = _chances,
    layers: list[tuple[int, str]] | None = None,
    optimizer: str = "adam",
    rate: float = 0.01,
) -> Edit:
    def edit(e: Drawing) -> None:
        letters(e)
        chances(e)
        last = "side_by_side"
        for number, (units, activation) in enumerate(layers or [(60, "tanh")]):
            last = e.add(
                "layers/dense", f"layer_{number}", last, units=units, activation=activation
            )
        e.add("layers/dense", "scores", last, units=28)
        e.wire("scores", "losses:logits")
        e.wire("scores", "invented:logits")
        e.add(optimizer, "train", "loss", learning_rate=rate)

    return edit


def _as_numbers(e: Drawing) -> None:
    e.add("cast", "side_by_side", "tokens", dtype="float32")


# ---- the mask, and a block -----------------------------------------------------------------------


def _masked(e: Drawing) -> None:
    e.add("transpose", "k_t", "keys")
    e.add("matmul", "table", "queries", "k_t")
    e.add("divide", "quarter", "table", "four")
    e.add("add", "visible", "hide", "quarter")
    e.add("softmax", "weights", "visible")
    e.add("matmul", "mixed", "weights", "values")


def _masked_by_powers(e: Drawing) -> None:
    """Multiply powers by 1 or 0, and divide by their sums."""
    e.add("divide", "q", "queries", "four")
    e.add("transpose", "k_t", "keys")
    e.add("matmul", "table", "q", "k_t")
    e.add("reduce_max", "top", "table", axis=-1, keepdims=True)
    e.add("add", "hidden_too", "table", "hide")
    e.add("reduce_max", "highest", "hidden_too", axis=-1, keepdims=True)
    e.add("subtract", "low", "hidden_too", "highest")
    e.add("exp", "powers", "low")
    e.add("reduce_sum", "sums", "powers", axis=-1, keepdims=True)
    e.add("divide", "weights", "powers", "sums")
    e.add("matmul", "mixed", "weights", "values")


def _masked_by_logarithms(e: Drawing) -> None:
    e.add("transpose", "q_t", "queries")
    e.add("matmul", "turned", "keys", "q_t")
    e.add("transpose", "table", "turned")
    e.add("divide", "quarter", "table", "four")
    e.add("add", "visible", "quarter", "hide")
    e.add("log_softmax", "logs", "visible")
    e.add("exp", "weights", "logs")
    e.add("matmul", "mixed", "weights", "values")


def _read(e: Drawing, source: str, **attrs: Any) -> str:
    for name in ("query", "key", "value"):
        e.add("layers/dense", name, source, units=32)
    return e.add("attention", "read", "query", "key", "value", **attrs)


def _with_residual(e: Drawing, source: str) -> str:
    return e.add("add", "block", source, _read(e, source))


def _in_one_layer(e: Drawing, source: str) -> str:
    return e.add("layers/transformer_block", "block", source, num_heads=1, units=64, rate=0.0)


def _by_hand(e: Drawing, source: str) -> str:
    """Build attention from products."""
    for name in ("query", "key", "value"):
        e.add("layers/dense", name, source, units=32)
    e.add("transpose", "key_t", "key", perm=[0, 2, 1])
    e.add("matmul", "match", "query", "key_t")
    e.add("softmax", "shares", "match")
    return e.add("matmul", "block", "shares", "value")


def _reverses(
    masked: Edit,
    block: Callable[[Drawing, str], str],
    *,
    places: bool = True,
    optimizer: str = "adam",
    rate: float = 0.01,
) -> Edit:
    def edit(e: Drawing) -> None:
        masked(e)
        source = e.add("add", "placed", "places", "vectors") if places else "vectors"
        e.add("layers/dense", "scores", block(e, source), units=28)
        e.wire("scores", "flat:x")
        e.add(optimizer, "train", "loss", learning_rate=rate)

    return edit


RIGHT: dict[str, tuple[Edit, ...]] = {
    "see-it-learn": (
        _rate(1e-5),
        _rate(1e-4),
        _rate(0.0),
        _rate(1e-7, epochs=1),
        _small_network,
    ),
    "learning-rates": tuple(_rate(rate) for rate in (0.1, 0.2, 0.3, 0.5, 0.7)),
    "exclusive-or": (
        _corners([(3, "tanh")]),
        _corners([(3, "tanh")], 1.0),
        _corners([(3, "relu")]),
        _corners([(3, "elu")]),
        _corners([(2, "tanh")], 1.0),
        _corners_by_hand,
    ),
    "digits": (
        _digits([(300, "relu")]),
        _digits([(300, "relu")], "adam", 0.003),
        _digits([(300, "tanh")], "adam", 0.003),
        _digits([(200, "relu"), (50, "relu")], "momentum", 0.05),
        _digits([(300, "leaky_relu")]),
        _digits_by_logarithms,
    ),
    "honest-measurement": (
        _honest(_by_division, [0.2, 0.4, 0.4], {"patience": 5}),
        _honest(_by_difference, [0.25, 0.35, 0.4], {"patience": 1}),
        _honest(_by_means, [0.2, 0.4, 0.4], {"patience": 20}, "validation"),
        _honest(_by_weights, [0.5, 0.25, 0.25], {"patience": 3, "batch_size": 40}),
        _honest(_by_products, [0.2, 0.3, 0.5], {"patience": 8, "epochs": 200}),
    ),
    "what-helps": (
        _helped(),
        _helped(_running_mean, _running_square, _step_by_negative, _shrink_after, batch=20),
        _helped(_running_mean, _square_by_power, _step_at_once, _shrink_by_difference, decay=2.0),
        _helped(
            _sum_of_products,
            _square_by_power,
            _step_by_negative,
            _shrink_by_difference,
            optimizer="gradient_descent",
            rate=0.3,
            decay=0.05,
        ),
        _helped(
            _running_mean,
            _running_square,
            _step_at_once,
            _shrink_by_difference,
            initializer={"op": "random_normal", "stddev": 0.2},
            decay=1.5,
        ),
    ),
    "the-clinic": (
        _mended(patience=5),
        _mended(train={"weight_decay": 2.0}),
        _mended(bias=0.5, patience=10, watched="validation"),
        _mended(spread=2.0, hidden={"activation": "elu"}, patience=5),
        _one_number_for_all,
    ),
    "invent-names": (
        _names(_looked_up),
        _names(_gathered, _chances_by_logarithms, [(100, "relu")], rate=0.005),
        _names(_by_one_hot, _chances_by_shares),
        _names(_joined, layers=[(60, "tanh"), (40, "tanh")]),
        _names(_looked_up, optimizer="gradient_descent", rate=0.5),
    ),
    "mask-and-block": (
        _reverses(_masked, _with_residual),
        _reverses(_masked_by_powers, _read),
        _reverses(_masked_by_logarithms, _by_hand),
        _reverses(_masked, _in_one_layer, rate=0.003),
        _reverses(_masked_by_powers, _with_residual, optimizer="gradient_descent", rate=0.5),
    ),
}
"""Right answers by lesson."""

MISTAKEN: dict[str, dict[str, Edit]] = {
    "see-it-learn": {
        "unchanged": lambda e: None,
        "larger": _rate(5.0),
        "smaller": _rate(0.05),
        "nearly": _rate(0.001),
        "no_train": _no_train,
    },
    "learning-rates": {
        "uphill": _rate(-0.3),
        "longer": _rate(2.0, epochs=100),
        "other_batches": _rate(2.0, batch_size=5),
        "diverged": _rate(2.0),
        "asleep": _rate(1e-8),
        "slow": _rate(0.01),
    },
    "exclusive-or": {
        "linear": _corners([(3, "linear")]),
        "diverged": _corners([(3, "tanh")], 1e38),
        "zeros": _corners([(3, "tanh")], zeros=True),
        "asleep": _corners([(3, "tanh")], 1e-9),
        "three_corners": _corners([(1, "tanh")]),
    },
    "digits": {
        "linear": _digits([(300, "linear")]),
        "diverged": _digits([(300, "relu")], rate=1e38),
        "clueless": _digits([(300, "relu")], zeros=True),
        "slow": _digits([(300, "relu")], rate=0.003),
        "near": _digits([(300, "relu")], softmaxes=2),
    },
    "honest-measurement": {
        "peeking": _honest(_by_division, [0.2, 0.4, 0.4], {"patience": 5}, "test"),
        "by_heart": _honest(_by_division, [0.2, 0.4, 0.4], {"patience": 5}, "train"),
        "no_rows_to_choose": _honest(_by_division, [0.2, 0.0, 0.8], {"patience": 5}),
        "no_rows_to_measure": _honest(_by_division, [0.2, 0.8, 0.0], {"patience": 5}),
        "too_long": _honest(_by_division, [0.2, 0.4, 0.4], {}),
    },
    "what-helps": {
        "zeros": _helped(initializer={"op": "fill", "value": 0.0}),
        "wide": _helped(initializer={"op": "random_normal", "stddev": 3.0}),
        "large_batches": _helped(batch=80),
        "diverged": _helped(optimizer="gradient_descent", rate=1e30, decay=1.0),
        "no_decay": _helped(decay=0.0),
        "slow": _helped(optimizer="gradient_descent", rate=0.02, decay=0.0),
    },
    "the-clinic": {
        "still_zero": _mended(spread=0.0, patience=5),
        "vanished": _mended(spread=1e9, patience=5),
        "still_dead": _mended(bias=-20.0, patience=5),
        "saturated": _mended(bias=20.0, hidden={"activation": "tanh"}, patience=5),
        "alike": _mended(hidden={"kernel_initializer": {"op": "fill", "value": 0.0}}, patience=5),
        "peeking": _mended(patience=1, watched="test", train={"learning_rate": 1e-5}),
        "by_heart": _mended(patience=5, watched="train"),
        "diverged": _mended(train={"learning_rate": 1e38}),
        "overfitted": _mended(),
    },
    "invent-names": {
        "as_numbers": _names(_as_numbers),
        "diverged": _names(_looked_up, optimizer="gradient_descent", rate=1e38),
        "clueless": _names(_looked_up, rate=1e-6),
        "slow": _names(_looked_up, optimizer="gradient_descent", rate=0.01),
    },
    "mask-and-block": {
        "causal": _reverses(_masked, lambda e, source: _read(e, source, causal=True)),
        "alone": _reverses(_masked, lambda e, source: source),
        "diverged": _reverses(_masked, _read, optimizer="gradient_descent", rate=1e38),
        "clueless": _reverses(_masked, _read, rate=1e-7),
        "no_places": _reverses(_masked, _with_residual, places=False),
    },
}
"""Answers with a typical mistake that is known by its signs, by lesson, then by mistake."""
