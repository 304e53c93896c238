"""The window of the tests in ``tests/ui``."""

from tests.ui.conftest import *  # noqa: F403  fixtures
