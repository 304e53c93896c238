"""The settings of JAX under which nodeflow traces and calls: 64 bits, matrix products in full
precision.

They apply only inside a ``with`` statement and on one thread, so the user's own JAX code keeps
its settings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from nodeflow.integrations.jax.errors import jax_package

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
"""The XLA flag that makes results on a GPU reproducible."""


@contextmanager
def settings() -> Iterator[None]:
    """Return a context manager that makes JAX use 64-bit types and the precision ``highest`` for
    matrix products.
    """
    jax = jax_package()
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        yield


def is_exact() -> bool:
    """Return whether repeated steps give identical bits: on the CPU, and on a GPU if XLA uses
    deterministic ops.
    """
    return platform() == "cpu" or DETERMINISTIC in os.environ.get("XLA_FLAGS", "")


def platform() -> str:
    """Return the kind of device that computes: cpu, gpu or tpu."""
    return jax_package().default_backend()


def device() -> str:
    """Return the name of the device that computes: ``cpu``, or the name of the GPU."""
    return jax_package().devices()[0].device_kind
