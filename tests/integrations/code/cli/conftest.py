"""The command line of the tests in ``tests/cli``."""

from tests.cli.conftest import *  # noqa: F403  fixtures
