"""Errors of JAX, and of graphs that JAX cannot compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from nodeflow.errors import RunError, SurfaceText
from nodeflow.manifests import SoftwareMissing

OWN_ENGINE = SurfaceText(
    "Use nodeflow's own engine for this graph: leave out the backend.",
    cli="Use nodeflow's own engine for this graph: leave out --backend.",
    window="Choose Run → Engine → This engine.",
)
GET_IT = "pip install 'jax>=0.10' brings it."


class NotOnJax(RunError):
    """JAX cannot compute a node of the graph.

    Remedy: Compute what it needs another way, or use nodeflow's own engine for this graph.
    """


def jax_package() -> ModuleType:
    """Return the package jax.

    Raises:
        SoftwareMissing: it is not installed, or its version is not supported.
    """
    try:
        import jax
        import jax.numpy
    except ImportError as error:
        raise SoftwareMissing(f"JAX cannot be imported: {error}", hint=GET_IT) from None
    return jax


@contextmanager
def in_words() -> Iterator[None]:
    """Convert errors of JAX or its compiler, raised inside the context, to a RunError with a clear
    message.

    Raises:
        RunError: there is not enough memory, or JAX failed otherwise.
    """
    jax = jax_package()
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        line = str(error).strip().partition("\n")[0][:200]
        if "RESOURCE_EXHAUSTED" in line:
            raise RunError(
                f"there is not enough memory for what JAX computes: {line}",
                hint="Use smaller batches, or a smaller graph.",
            ) from error
        raise RunError(f"JAX failed: {line}") from error
