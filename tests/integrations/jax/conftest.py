"""What the tests on JAX share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def compiled_programs() -> Iterator[None]:
    """JAX keeps every program that it compiled; hundreds of them take gigabytes."""
    yield
    import jax

    jax.clear_caches()
