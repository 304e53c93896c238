"""Make the pictures of the welcome page: each example trained, and its result drawn.

.venv/bin/python tools/make_thumbnails.py [NAME ...]

The background is transparent, and the colours are visible on light and on dark. An example without
a picture here shows its graph, which is its result.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nodeflow.document.io import flow
from nodeflow.document.to_graph.generation import generator
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.resources import example, resource
from nodeflow.train.control import Control
from nodeflow.train.loop.event_stream import train

WIDTH, HEIGHT = 274, 138
"""Size of a card's picture, in points."""
SCALE = 2
FINE = 3
"""The factor by which pictures are drawn larger before they are shrunk and saved."""
COLORS = 96
INK, ACCENT, WARM, GOOD, BAD = "#8a93a6", "#4c7dff", "#f2792b", "#2fa36b", "#e5484d"
FOLDER = Path(__file__).parents[1] / "resources" / "thumbnails"


class Result:
    """An example after its training."""

    def __init__(self, name: str) -> None:
        self.document = flow.load(example(name))
        self.task = Task(self.document, base_dir=example(name).parent)
        self.session = Session(self.task.graph, seed=1)
        self.session.initialize()
        if self.task.trains:
            for _ in train(self.session, self.task.training(), Control()):
                pass

    def values(self, *names: str, **feeds: np.ndarray) -> list[np.ndarray]:
        """Return the values of nodes, for the first test rows or for the given feeds."""
        tensors = [self.task.tensor(name) for name in names]
        given = {self.task.tensor(name): value for name, value in feeds.items()}
        given = given or self.task.feeds(tensors)
        return [np.asarray(value) for value in self.session.run(tensors, given)]

    def rows(self, placeholder: str, split: str = "test", most: int = 400) -> np.ndarray:
        """Return the first rows of the column that feeds a placeholder."""
        bound = self.task.binding(self.task.tensor(placeholder))
        assert bound is not None
        column = bound.dataset.split(split)[bound.column]
        return np.asarray(column.rows(np.arange(min(most, len(column)))))


class Paper:
    """A transparent sheet; places are in points of the card."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (WIDTH * SCALE * FINE, HEIGHT * SCALE * FINE), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)

    def line(self, points: np.ndarray, color: str, width: float) -> None:
        self._draw.line([tuple(p) for p in (points * SCALE * FINE).tolist()], color,
                        round(width * SCALE * FINE), "curve")  # fmt: skip

    def dots(self, points: np.ndarray, color: str, radius: float) -> None:
        for x, y in (points * SCALE * FINE).tolist():
            r = radius * SCALE * FINE
            self._draw.ellipse((x - r, y - r, x + r, y + r), color)

    def box(self, x: float, y: float, width: float, height: float, color: str) -> None:
        k = SCALE * FINE
        self._draw.rounded_rectangle(
            (x * k, y * k, (x + width) * k, (y + height) * k), 2 * k, color
        )

    def text(self, x: float, y: float, text: str, color: str, size: float = 12) -> None:
        font = ImageFont.truetype(str(resource("fonts/Inter-SemiBold.otf")), size * SCALE * FINE)
        self._draw.text((x * SCALE * FINE, y * SCALE * FINE), text, color, font, anchor="mm")

    def picture(self, rgba: np.ndarray, x: float, y: float, width: float, height: float,
                smooth: bool = False) -> None:  # fmt: skip
        k = SCALE * FINE
        way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
        size = (round(width * k), round(height * k))
        picture = Image.fromarray(rgba, "RGBA").resize(size, way)
        self.image.alpha_composite(picture, (round(x * k), round(y * k)))

    def save(self, path: Path) -> None:
        small = self.image.resize((WIDTH * SCALE, HEIGHT * SCALE), Image.Resampling.LANCZOS)
        small.quantize(COLORS, Image.Quantize.FASTOCTREE).save(path, optimize=True)


def rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], float)


def ink(grey: np.ndarray, color: str = ACCENT) -> np.ndarray:
    """Return brightness from 0 to 1 as ink on a transparent background."""
    result = np.zeros((*grey.shape, 4), np.uint8)
    result[..., :3] = rgb(color)
    result[..., 3] = np.clip(grey, 0, 1) * 255
    return result


def signed(values: np.ndarray) -> np.ndarray:
    """Return colours of values: blue below zero, orange above, clear at zero."""
    share = np.clip(values / max(1e-12, float(np.abs(values).max())), -1, 1)
    result = np.zeros((*values.shape, 4), np.uint8)
    result[..., :3] = np.where(share[..., None] < 0, rgb(ACCENT), rgb(WARM))
    result[..., 3] = np.sqrt(np.abs(share)) * 255
    return result


def to_card(x: np.ndarray, y: np.ndarray, area: tuple[float, float, float, float]) -> np.ndarray:
    """Return points in the ranges ``area`` (left, right, bottom, top) as places on the card."""
    left, right, bottom, top = area
    across = 20 + (x - left) / (right - left) * (WIDTH - 40)
    return np.stack([across, 12 + (top - y) / (top - bottom) * (HEIGHT - 24)], 1)


# ---- one function per example -------------------------------------------------------------------


def curve(result: Result, name: str) -> Paper:
    """Draw points, and the learned curve through them."""
    x, y = (result.rows(name, "train").ravel() for name in ("x", "y"))
    grid = np.linspace(x.min(), x.max(), 200)
    feed = result.task.tensor("x")
    shape = (-1, 1) if len(feed.shape) == 2 else (-1,)
    (found,) = result.values("prediction", x=grid.reshape(shape).astype(feed.dtype))
    margin = (y.max() - y.min()) * 0.05
    area = (x.min(), x.max(), y.min() - margin, y.max() + margin)
    paper = Paper()
    paper.dots(to_card(x, y, area), INK + "b0", 2.2)
    paper.line(to_card(grid, found.ravel(), area), WARM, 3)
    return paper


def spirals(result: Result, name: str) -> Paper:
    """Draw the regions of both classes, and the points."""
    points, labels = result.rows("x", "train", 600), result.rows("y", "train", 600)
    classes = labels.argmax(-1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.ravel() > 0
    reach = float(np.abs(points).max()) * 1.08
    wide = reach * WIDTH / HEIGHT
    across, down = np.meshgrid(np.linspace(-wide, wide, WIDTH), np.linspace(reach, -reach, HEIGHT))
    grid = np.stack([across.ravel(), down.ravel()], 1).astype("float32")
    (logits,) = result.values("logits", x=grid)
    score = logits[:, 1] - logits[:, 0] if logits.shape[1] > 1 else logits[:, 0]
    share = 1 / (1 + np.exp(-np.clip(score, -30, 30))).reshape(across.shape)
    paper = Paper()
    ground = signed(share * 2 - 1)
    ground[..., 3] = (np.abs(share * 2 - 1) * 120).astype(np.uint8)
    paper.picture(ground, 0, 0, WIDTH, HEIGHT, smooth=True)
    place = np.stack(
        [(points[:, 0] / wide + 1) * WIDTH / 2, (1 - points[:, 1] / reach) * HEIGHT / 2], 1
    )
    for value, color in ((0, ACCENT), (1, WARM)):
        paper.dots(place[classes == value], color, 1.8)
    return paper


def digits(result: Result, name: str) -> Paper:
    """Draw digits and their predicted classes."""
    pictures, labels = result.rows("x"), result.rows("y").argmax(-1)
    feed = result.rows("x")[:200].astype("float32")
    (logits,) = result.values("logits", x=feed)
    found = logits.argmax(-1)
    wrong = np.flatnonzero(found != labels[:200])[:1]
    chosen = [*range(14)]
    if wrong.size:
        chosen[9] = int(wrong[0])
    paper = Paper()
    for place, row in enumerate(chosen):
        x, y = 15 + place % 7 * 35, 8 + place // 7 * 64
        paper.picture(ink(pictures[row].reshape(28, 28)), x, y, 34, 34, smooth=True)
        right = found[row] == labels[row]
        paper.text(x + 17, y + 45, str(found[row]), GOOD if right else BAD, 13)
    return paper


def probabilities(result: Result, name: str) -> Paper:
    """Draw one digit, and the probabilities of all ten classes."""
    pictures = result.rows("x").astype("float32")
    (logits,) = result.values("logits", x=pictures[:300])
    share = np.exp(logits - logits.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    row = int(np.argsort(share.max(-1))[12])  # an uncertain one
    paper = Paper()
    paper.picture(ink(pictures[row].reshape(28, 28)), 12, 16, 106, 106, smooth=True)
    for number, value in enumerate(share[row].tolist()):
        y = 8 + number * 12.4
        paper.text(140, y + 5, str(number), INK, 9)
        best = number == int(share[row].argmax())
        paper.box(148, y, max(2.0, 112 * value), 9, WARM if best else ACCENT)
    return paper


def layer_filters(result: Result, name: str) -> Paper:
    """Draw filters that are inside a layer."""
    return filters(result, name, "found1/kernel")


def filters(result: Result, name: str, variable: str = "F1") -> Paper:
    """Draw the filters of the first layer, and their outputs for one digit."""
    weights = result.session.variables[variable]
    pictures = result.rows("x")[:8].astype("float32")
    (maps,) = result.values("found1", x=pictures)
    paper = Paper()
    for index in range(8):
        x, y = 12 + index % 4 * 30, 10 + index // 4 * 62
        paper.picture(signed(weights[:, :, 0, index]), x, y + 14, 26, 26)
    for index in range(8):
        x, y = 142 + index % 4 * 31, 10 + index // 4 * 62
        seen = maps[0, :, :, index]
        paper.picture(ink(seen / max(1e-9, float(seen.max()))), x, y + 12, 29, 29, smooth=True)
    return paper


def memory(result: Result, name: str) -> Paper:
    """Draw a digit, and the memory after each of its rows."""
    pictures = result.rows("x")[:40].astype("float32")
    states = result.values("memory", x=pictures)[0]
    labels = result.rows("y")[:40].argmax(-1)
    paper = Paper()
    order = np.argsort(labels, kind="stable")
    heat = states.reshape(len(pictures), -1)[order].T
    for place, row in enumerate(order[::8]):
        paper.picture(ink(pictures[row].reshape(28, 28)), 14 + place * 50, 6, 44, 44, smooth=True)
    paper.picture(signed(heat), 10, 56, WIDTH - 20, 74)
    return paper


def restored(result: Result, name: str) -> Paper:
    """Draw digits, and their restorations from a few numbers."""
    pictures = result.rows("x")[:5].astype("float32")
    (back,) = result.values("restored", x=pictures)
    paper = Paper()
    for place in range(5):
        x = 10 + place * 52
        paper.picture(ink(pictures[place].reshape(28, 28), INK), x + 1, 8, 46, 46, smooth=True)
        paper.text(x + 24, 69, "↓", INK, 11)
        paper.picture(ink(back[place].reshape(28, 28)), x + 1, 82, 46, 46, smooth=True)
    return paper


def imagined(result: Result, name: str) -> Paper:
    """Draw the pictures of points of a plane, decoded."""
    paper = Paper()
    for row, y in enumerate((1.5, 0.0, -1.5)):
        for column, x in enumerate(np.linspace(-2, 2, 6)):
            (found,) = result.values("imagined", point=np.array([[x, y]], np.float32))
            left, top = 10 + column * 43, 6 + row * 43
            paper.picture(ink(found.reshape(28, 28)), left, top, 42, 42, smooth=True)
    return paper


def drawn(result: Result, name: str) -> Paper:
    """Draw the digits that a generator draws."""
    pictures = result.session.run("generator/picture")
    paper = Paper()
    for place in range(10):
        x, y = 10 + place % 5 * 52, 16 + place // 5 * 58
        paper.picture(ink(np.asarray(pictures[place]).reshape(28, 28)), x, y, 46, 46, smooth=True)
    return paper


def similarity(result: Result, name: str) -> Paper:
    """Draw the similarity of words."""
    (values,) = result.values("similarity")
    paper = Paper()
    n = len(values)
    paper.picture(signed(values[: n // 2, :]), 0, 0, WIDTH, HEIGHT)
    return paper


def mandelbrot(result: Result, name: str) -> Paper:
    """Draw the picture that the graph computes."""
    (values,) = result.values("mandelbrot")
    share = (values - values.min()) / max(1e-9, float(values.max() - values.min()))
    stops = np.array([[9, 12, 46], [38, 70, 173], [64, 160, 214], [250, 216, 120], [255, 255, 245]])
    at = share**0.7 * (len(stops) - 1)
    low = np.minimum(at.astype(int), len(stops) - 2)
    part = (at - low)[..., None]
    colors = stops[low] * (1 - part) + stops[low + 1] * part
    colors[share >= 0.999] = (9, 12, 30)
    picture = np.full((*values.shape, 4), 255, np.uint8)
    picture[..., :3] = colors
    rows, columns = values.shape
    height = round(columns * HEIGHT / WIDTH)
    top = max(0, (rows - height) // 2)
    paper = Paper()
    paper.picture(picture[top : top + height], 0, 0, WIDTH, HEIGHT, smooth=True)
    return paper


def written(result: Result, name: str) -> Paper:
    """Draw the first lines of the text that the graph writes."""
    found = generator(result.task, result.session)
    lines = "".join(token.text for token in found).split("\n")[1:]
    paper = Paper()
    for number, line in enumerate([line for line in lines if line][:6]):
        color = ACCENT if number % 2 == 0 else INK
        paper.text(WIDTH / 2, 19 + 20 * number, line[:34], color, 13)
    return paper


def attention(result: Result, name: str) -> Paper:
    """Draw where each letter of a text looks."""
    (looks,) = result.values("looks_at2")
    size = WIDTH / looks.shape[2]
    rows = int(HEIGHT / size)
    paper = Paper()
    paper.picture(ink(np.sqrt(looks[0, -rows:])), 0, 0, WIDTH, rows * size)
    return paper


DRAWN: dict[str, Callable[[Result, str], Paper]] = {
    "linear_regression": curve,
    "regression": curve,
    "spirals": spirals,
    "mnist": digits,
    "mnist_adam": probabilities,
    "mnist_layers": digits,
    "mnist_cnn": filters,
    "mnist_cnn_layers": layer_filters,
    "lstm": memory,
    "autoencoder": restored,
    "vae": imagined,
    "word2vec": similarity,
    "gan": drawn,
    "wgan": drawn,
    "names": written,
    "char_rnn": written,
    "tiny_gpt": attention,
    "mandelbrot": mandelbrot,
}


def main() -> None:
    """Make all pictures, or the named ones."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or DRAWN:
        paper = DRAWN[name](Result(name), name)
        paper.save(FOLDER / f"{name}.png")
        print(f"{name}: {(FOLDER / f'{name}.png').stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
