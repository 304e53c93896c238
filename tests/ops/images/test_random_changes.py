"""Pictures changed at random: which, when, and the same ones again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import NodeflowError
from nodeflow.ops.namespaces import image
from nodeflow.ops.samples import values
from nodeflow.ops.training.optimizers import GradientDescentOptimizer
from nodeflow.ops.variables.initializers import ones_initializer
from nodeflow.ops.variables.scope import get_variable

TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])
PICTURES = values((64, 8, 6, 3), "float32", 0.2, 0.8)

Change = Callable[..., nf.Tensor]
PLAIN: dict[str, Change] = {
    "flip_left_right": image.random_flip_left_right,
    "flip_up_down": image.random_flip_up_down,
    "brightness": lambda x, seed=None: image.random_brightness(x, 0.3, seed),
    "contrast": lambda x, seed=None: image.random_contrast(x, 0.3, 1.7, seed),
    "saturation": lambda x, seed=None: image.random_saturation(x, 0.3, 1.7, seed),
    "hue": lambda x, seed=None: image.random_hue(x, 0.3, seed),
    "crop": lambda x, seed=None: nf.random_crop(x, [64, 4, 3, 3], seed),
    "rotation": lambda x, seed=None: nf.random_rotation(x, seed=seed),
}
LAYERS: dict[str, Change] = {
    "flip": nf.layers.random_flip,
    "rotation": lambda x, **more: nf.layers.random_rotation(x, 0.2, **more),
    "translation": lambda x, **more: nf.layers.random_translation(x, 0.3, 0.3, **more),
    "zoom": lambda x, **more: nf.layers.random_zoom(x, 0.4, **more),
    "contrast": lambda x, **more: nf.layers.random_contrast(x, 0.5, **more),
    "brightness": lambda x, **more: nf.layers.random_brightness(x, 0.5, **more),
    "crop": lambda x, **more: nf.layers.random_crop(x, 5, 4, **more),
}


def same(one: Any, other: Any) -> bool:
    return np.array_equal(one, other)


@pytest.mark.sample(4)
@TIERS
@pytest.mark.parametrize("change", PLAIN.values(), ids=PLAIN)
def test_each_run_and_each_node_draws_its_own_unless_they_share_a_seed(
    tier: Any, change: Change
) -> None:
    with nf.Graph():
        x = nf.constant(PICTURES)
        one, other = change(x), change(x)
        seeded, again = change(x, seed=7), change(x, seed=7)
        with nf.Session(tier=tier, seed=3) as session:
            first = session.run([one, other, seeded, again])
            second = session.run([one, other, seeded, again])
        with nf.Session(tier="reference", seed=3) as session:
            repeated = session.run([one, other, seeded, again])
    assert not same(first[0], second[0]) and not same(first[0], first[1])
    assert same(first[2], first[3]) and not same(first[2], first[0])
    for ours, theirs in zip(first, repeated, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@TIERS
@pytest.mark.parametrize(("name", "axis"), [("left_right", 2), ("up_down", 1)])
def test_half_of_the_pictures_are_mirrored(tier: Any, name: str, axis: int) -> None:
    with nf.Graph():
        made = PLAIN[f"flip_{name}"](nf.constant(PICTURES))
        with nf.Session(tier=tier) as session:
            found = session.run(made)
    mirrored = np.flip(PICTURES, axis)
    turned = [same(f, m) for f, m in zip(found, mirrored, strict=True)]
    kept = [same(f, p) for f, p in zip(found, PICTURES, strict=True)]
    assert all(a != b for a, b in zip(turned, kept, strict=True))
    assert 16 < sum(turned) < 48


@TIERS
def test_a_crop_is_a_part_and_begins_anywhere(tier: Any) -> None:
    numbers = np.arange(20).reshape(4, 5)
    seen = set()
    with nf.Graph():
        made = nf.random_crop(nf.constant(numbers), [2, 3])
        assert made.shape == (2, 3)
        with nf.Session(tier=tier) as session:
            for _ in range(120):
                found = session.run(made)
                y, x = divmod(int(found[0, 0]), 5)
                assert same(found, numbers[y : y + 2, x : x + 3])
                seen.add((y, x))
    assert seen == {(y, x) for y in range(3) for x in range(3)}


@pytest.mark.sample(3)
@TIERS
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layers_change_pictures_in_runs_that_train_and_in_no_other(
    tier: Any, layer: Change
) -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 8, 6, 3], name="x")
        made = layer(x)
        forced, off = layer(x, training=True), layer(x, training=False)
        weight = get_variable("w", [], initializer=ones_initializer())
        loss = nf.reduce_mean(made * weight)
        step = GradientDescentOptimizer(0.1).minimize(loss)
        feeds = {x: PICTURES}
        with nf.Session(tier=tier) as session:
            session.run(nf.global_variables_initializer())
            still, changed, kept = session.run([made, forced, off], feeds)
            again = session.run(made, feeds)
            trained, _ = session.run([made, step], feeds)
            other, _ = session.run([made, step], feeds)
    middle = PICTURES[:, 1:6, 1:5] if still.shape[1] == 5 else PICTURES
    assert same(still, middle) and same(again, middle) and same(kept, middle)
    assert not same(changed, middle)
    assert not same(trained, middle) and not same(trained, other)
    different = [not same(a, b) for a, b in zip(trained, middle, strict=True)]
    assert 16 < sum(different) <= 64


@TIERS
def test_layers_move_each_picture_by_its_own_draw_within_the_limit(tier: Any) -> None:
    """A bright spot in the middle shows how far it went."""
    spots = np.zeros((200, 21, 31, 1))
    spots[:, 10, 15] = 1
    with nf.Graph():
        made = nf.layers.random_translation(
            nf.constant(spots), 0.3, 0.2, fill_mode="constant", training=True
        )
        with nf.Session(tier=tier) as session:
            found = session.run(made)[..., 0]
    at = np.stack([np.einsum("nhw,h->n", found, np.arange(21.0)) - 10,
                   np.einsum("nhw,w->n", found, np.arange(31.0)) - 15])  # fmt: skip
    limits = np.array([0.3 * 21, 0.2 * 31])
    assert (np.abs(at) <= limits[:, None] + 1e-9).all()
    assert (np.abs(at).max(axis=1) > limits * 0.9).all()
    assert len(np.unique(at.round(9))) > 390
    assert abs(np.corrcoef(at)[0, 1]) < 0.25


@pytest.mark.thorough
def test_data_sets_are_augmented_by_map() -> None:
    def change(picture: nf.Tensor, label: nf.Tensor) -> tuple[nf.Tensor, nf.Tensor]:
        seen = image.random_flip_left_right(nf.random_crop(picture, [6, 4, 3]))
        return image.random_brightness(seen, 0.2), label

    data = nf.data.Dataset.from_tensor_slices((PICTURES, np.arange(64))).map(change)
    first, second = (list(data) for _ in range(2))
    assert all(picture.shape == (6, 4, 3) for picture, _ in first)
    assert [int(label) for _, label in first] == list(range(64))
    assert len({picture.tobytes() for picture, _ in first}) == 64
    assert len(second) == 64


def test_wrong_limits_are_refused() -> None:
    with nf.Graph():
        x = nf.constant(PICTURES)
        for call, port in (
            (lambda: image.random_contrast(x, 1.0, 0.5), "upper"),
            (lambda: image.random_brightness(x, -0.1), "max_delta"),
            (lambda: image.random_hue(x, 0.7), "max_delta"),
            (lambda: nf.random_crop(x, [1, 9, 2, 3]), "x"),
            (lambda: nf.layers.random_crop(x, 9, 2), "height"),
            (lambda: nf.layers.random_brightness(x, 0.1, (1.0, 0.0)), "value_range"),
        ):
            with pytest.raises(NodeflowError) as caught:
                call()
            assert caught.value.port == port
