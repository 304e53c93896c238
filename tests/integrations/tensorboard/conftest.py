"""The small graph and the empty store that the tests of runs use."""

from tests.run_store.conftest import folder, line  # noqa: F401  fixtures
