"""The titles of the examples, in learning order, for the welcome page and the menu."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nodeflow.document.model.document import Document

EXAMPLES = {
    "expression": ("An expression", "a = (b + c) × (c + 2), in its order"),
    "expression_array": ("An expression of arrays", "The same with ten numbers at once"),
    "mandelbrot": ("Mandelbrot set", "A graph is a calculator: nothing is trained"),
    "linear_regression": ("Linear regression", "A line is fitted to points"),
    "regression": ("Nonlinear regression", "A small network learns a curve"),
    "spirals": ("Two spirals", "A network separates what no line can"),
    "mnist": ("Handwritten digits", "95 % with the sample, 97 to 98 % with all of MNIST"),
    "mnist_adam": ("Handwritten digits, with Adam", "Softmax cross-entropy on logits, and Adam"),
    "mnist_layers": ("Handwritten digits, by layers", "The same in two nodes: double click one"),
    "mnist_cnn": ("Digits by convolution", "Look at the filters it learns: 99 %"),
    "mnist_cnn_layers": ("Convolution, by layers", "The same 99 % in half the nodes"),
    "lstm": ("Reading row by row", "An LSTM sees a digit as a sequence"),
    "autoencoder": ("Autoencoder", "Watch blurs become digits again"),
    "vae": ("Variational autoencoder", "Drag a point, and its digit is drawn"),
    "word2vec": ("Word embeddings", "word2vec groups similar words"),
    "names": ("Inventing names", "Three letters give the next one"),
    "char_rnn": ("Writing with a memory", "Shakespeare, character by character"),
    "tiny_gpt": ("A tiny GPT", "Two blocks learn to write: look at their attention"),
    "gan": ("Adversaries", "One network draws digits, another judges them"),
    "wgan": ("A critic with clipped weights", "A Wasserstein GAN draws digits"),
}
"""Title and description of each example, in learning order. Examples not listed here come after
them.
"""

GROUPS = {
    "First graphs": ("expression", "expression_array", "mandelbrot"),
    "Fit and separate points": ("linear_regression", "regression", "spirals"),
    "Read handwritten digits": (
        *("mnist", "mnist_adam", "mnist_layers", "mnist_cnn", "mnist_cnn_layers", "lstm"),
    ),
    "Find similar things": ("autoencoder", "vae", "word2vec"),
    "Write text": ("names", "char_rnn", "tiny_gpt"),
    "Draw digits": ("gan", "wgan"),
}
"""The names of the examples, grouped by purpose."""
OTHERS = "More examples"


def groups(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Group examples by purpose, in learning order."""
    found: dict[str, list[Path]] = {}
    kinds = {name: group for group, names in GROUPS.items() for name in names}
    for path in sorted(paths, key=example_order):
        found.setdefault(kinds.get(path.stem, OTHERS), []).append(path)
    return found


def example_order(path: Path) -> tuple[int, str]:
    """Return the sort key of an example."""
    name = path.stem
    order = list(EXAMPLES)
    return (order.index(name) if name in order else len(order), name)


def title_of(name: str) -> str:
    """Return an example's title."""
    return EXAMPLES[name][0] if name in EXAMPLES else name.replace("_", " ").capitalize()


def describe(name: str, document: Document | None) -> str:
    """Describe an example in one line: by our own text, or else by the start of its first note."""
    if name in EXAMPLES:
        return EXAMPLES[name][1]
    notes = [f.note or f.title for f in document.frames.values()] if document else []
    return notes[0].split("\n", 1)[0][:80] if notes else ""
