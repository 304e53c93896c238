"""What provokes the errors of event files."""

from __future__ import annotations

from nodeflow.integrations.tensorboard.reading import event_folders
from tests.errors.provocations import Provocation

TABLE = {"EventFileProblem": Provocation(call=lambda: event_folders("."))}
