"""The first hour of a newcomer, from the welcome page, with the real engine."""

from __future__ import annotations

import numpy as np
import pytest
from first_hour import Newcomer, first_hour

from tests import own_data

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def window(live_window, embedded_digits):
    """The welcome page, with a real engine and the embedded digits."""
    window = live_window(size=(1440, 900))
    window.pages.show_welcome()
    window.activateWindow()
    return window


@pytest.mark.thorough
def test_digits_flowers_and_houses(window, tmp_path) -> None:
    newcomer = Newcomer(window)
    houses = own_data.houses(tmp_path / "houses.csv")
    more = own_data.without_labels(houses, tmp_path / "more.csv")
    flowers = own_data.flowers(tmp_path / "iris.csv")
    done = []
    for caption in first_hour(newcomer, flowers, houses, more):
        done.append(caption)
        losses = window.panels["training"].record.losses.values
        assert np.isfinite(losses).all(), f"the loss diverges: {caption}"
        errors = [p for p in window.workspace.analysis.all_problems() if p.severity == "error"]
        assert errors == [], caption
        if caption == "a click trains it":
            assert newcomer.metric("accuracy") > 0.9
        elif caption == "flowers are told apart":
            assert newcomer.metric("validation/accuracy") >= 0.9
        elif caption == "prices of houses are predicted":
            assert newcomer.metric("validation/r_squared") > 0.9
    page = window.pages.predictions
    assert page.model.rowCount() == 20 and len(done) == 10
