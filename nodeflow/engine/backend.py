"""The backends that execute schedules, and the options that they refuse."""

from __future__ import annotations

from nodeflow.engine.plan.passes import REWRITES
from nodeflow.engine.runtime.context import BACKENDS, Tier
from nodeflow.errors import RunError, suggest


def check_backend(
    backend: str,
    tier: Tier,
    threads: int | None,
    without: frozenset[str],
    memory: int | None,
) -> None:
    """Refuse an unknown backend, or options of a session that the backend does not support.

    Raises:
        RunError: names the option.
        JaxMissing: jax is not installed.
    """
    if not isinstance(backend, str) or backend not in BACKENDS:
        text = f"backend must be {' or '.join(BACKENDS)}, not {backend!r:.80}"
        raise RunError(text, hint=suggest(str(backend), BACKENDS))
    if backend != "jax":
        return
    if tier != "auto":
        raise RunError(
            f"JAX compiles everything, so there is no tier {tier}",
            hint="Leave out the tier, or the backend.",
        )
    if threads is not None:
        raise RunError(
            "JAX manages its own threads, so their number cannot be set",
            hint="Leave out the threads, or the backend.",
        )
    if memory is not None:
        raise RunError(
            "JAX manages its own memory, so it cannot be limited",
            hint="Leave out the memory, or the backend.",
        )
    plans = sorted(name for name in without if REWRITES[name].scope == "plan")
    if plans:
        raise RunError(
            f"JAX rewrites graphs by its own rules, so {', '.join(plans)} cannot be disabled",
            hint="Leave them out of without, or leave out the backend.",
        )
    from nodeflow.engine.jax.errors import jax_package

    jax_package()
