"""A folder of small pictures in colour, one folder for each class, and a network for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nodeflow.document.edit import commands
from tests import own_data

HEIGHT, WIDTH = 8, 10
CLASSES = ("007", "1e5", "brick red")
"""Names in the order of their numbers; two of them look like numbers."""

SPLITS = [0.5, 0.0, 0.5]


def pictures(folder: Path, each: int = 8) -> dict[str, np.ndarray]:
    """Pictures in one colour of noise for each class: CLASS/NUMBER.png -> their pixels."""
    random = np.random.default_rng(5)
    grounds = ((20, 200, 60), (40, 60, 230), (220, 40, 30))
    found = {}
    for name, ground in zip(CLASSES, grounds, strict=True):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            noise = random.integers(-20, 21, (HEIGHT, WIDTH, 3))
            pixels = (np.array(ground) + noise).clip(0, 255).astype(np.uint8)
            own_data.png(folder / name / f"{number}.png", pixels)
            found[f"{name}/{number}.png"] = pixels
    return found


def classifier(window, place: Path, *, kind="pictures", column="images", **options) -> None:
    """Build a network with one layer in a window, for data at a place."""
    document = window.workspace.document
    window.workspace.allow_source(f"{kind}:{place}")
    add = commands.add_node
    attrs = {"source": f"{kind}:{place}", "splits": SPLITS, **options}
    data = add(document, "dataset", (0, 0), "data", attrs)
    shape = [None, HEIGHT, WIDTH, 3] if options.get("layout") != "row" else [None, 240]
    x = add(document, "placeholder", (260, 0), "x", {"shape": shape})
    y = add(document, "placeholder", (260, 200), "y", {"shape": [None, 3]})
    flat = add(document, "reshape", (520, 0), "flat", {"shape": [-1, HEIGHT * WIDTH * 3]})
    logits = add(document, "layers/dense", (780, 0), "logits", {"units": 3})
    answer = add(document, "softmax", (1040, 0), "prediction")
    losses = add(document, "softmax_cross_entropy_with_logits", (1040, 200), "losses")
    loss = add(document, "reduce_mean", (1300, 200), "loss")
    train = add(document, "adam", (1560, 200), "train", {"learning_rate": 0.01})
    for source, port, target, into in (
        (data, column, x, "feed"),
        (data, "labels", y, "feed"),
        (x, "out", flat, "x"),
        (flat, "out", logits, "x"),
        (logits, "out", answer, "x"),
        (logits, "out", losses, "logits"),
        (y, "out", losses, "labels"),
        (losses, "out", loss, "x"),
        (loss, "out", train, "loss"),
    ):
        commands.connect(document, source, port, target, into)
    commands.set_training(document, epochs=20, batch_size=8)


def train(window, qtbot) -> None:
    """Train, and wait until the training is over."""
    qtbot.waitUntil(lambda: window.actions_["train"].isEnabled(), timeout=20_000)
    with qtbot.waitSignal(
        window.link.training,
        check_params_cb=lambda event: type(event).__name__ == "Done",
        timeout=60_000,
    ):
        window.actions_.trigger("train")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=20_000)
