"""The names of TensorFlow 1 for nodeflow's hints about wrong names."""

from __future__ import annotations

from nodeflow.foreign_names.answers import Library
from nodeflow.integrations.tensorflow1.tables.homes import has
from nodeflow.integrations.tensorflow1.tables.names import ABSENT, OTHER_THINGS, RENAMED, ROOT_TOO

STATEMENT = "import nodeflow.tensorflow1 as tf"

LIBRARY = Library("TensorFlow 1", "tf", STATEMENT, has, RENAMED, ABSENT, ROOT_TOO, OTHER_THINGS)
