"""GAN, VAE and small GPT train in the window as in Python: the first 20 losses, within 1e-4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodeflow.train.events import Steps
from tests.drawn_arrays import MODELS, STEPS, losses, write


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODELS)
def test_the_first_losses_are_those_of_python(
    live_window, qtbot, tmp_path: Path, embedded_digits, name: str
) -> None:
    path = write(name, tmp_path)
    window = live_window()
    assert window.files.open_path(path)
    found: list[float] = []

    def note(event: object) -> None:
        if isinstance(event, Steps):
            found.extend(event.losses)

    window.link.training.connect(note)
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: len(found) >= STEPS, timeout=300_000)
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60_000)
    np.testing.assert_allclose(found[:STEPS], losses(path), rtol=1e-4)
