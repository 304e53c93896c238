"""What print nodes write in the engine process is read in the window's log."""

from __future__ import annotations

import logging

import pytest

from nodeflow.host import protocol as p


@pytest.mark.thorough
def test_it_is_logged(engine, qtbot, caplog):
    caplog.set_level(logging.INFO, "nodeflow")
    engine.on_message(p.Printed("w is [3.]"))
    qtbot.waitUntil(lambda: "w is [3.]" in caplog.messages)
