"""Ops that make a run fail if a condition does not hold, and that return their input otherwise."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from nodeflow.integrations.jax.registry import Lowered, computes


@computes("assert_true")
def assert_true(node: Lowered, condition: Any, *data: Any) -> Any:
    """Make the run fail if the condition is false, and return the condition. The error cannot show
    the data, because they are on the device.
    """
    message = node.attrs["message"]
    node.fail_where(~condition, f"assertion failed: {message}" if message else "assertion failed")
    return condition


@computes("check_numerics")
def check_numerics(node: Lowered, x: Any) -> Any:
    """Return x. The run fails if x is not finite."""
    message = node.attrs["message"] or "not finite"
    node.fail_where(~jnp.isfinite(x), f"{message}: NaN or infinite values among {x.size}")
    return x


@computes("case_check")
def case_check(node: Lowered, *conditions: Any) -> Any:
    """Make the run fail unless as many conditions are true as the op `case` requires. Return the
    first condition.
    """
    count = sum(c.astype(jnp.int32) for c in conditions)
    if node.attrs["exclusive"]:
        node.fail_where(count > 1, "several conditions are true, and case is exclusive")
    if node.attrs["total"]:
        node.fail_where(count == 0, "no condition of case is true, and it has no default")
    return conditions[0]
