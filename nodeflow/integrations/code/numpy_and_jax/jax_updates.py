"""The update steps of optimizers, as JAX code."""

from __future__ import annotations

from nodeflow.integrations.code.optimizers import Optimizer

CLIP_NORM = """\
    norm = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in gradients.values()))
    factor = jnp.minimum(1.0, {clip_norm} / norm)
    gradients = jax.tree.map(lambda g: g * factor, gradients)
"""
CLIP_VALUE = """\
    gradients = jax.tree.map(lambda g: jnp.clip(g, -{clip_value}, {clip_value}), gradients)
"""
HEAD = '''\
@jax.jit
def updated{suffix}(
    params: dict[str, Array], gradients: dict[str, Array], slots, rate: float, step: int
) -> tuple:
    """{doc}"""
'''
RULES = {
    "gradient_descent": """\
    new = jax.tree.map(lambda p, g: p - rate * g, params, gradients)
    return new, slots
""",
    "momentum": """\
    slots = jax.tree.map(lambda v, g: {momentum} * v + g, slots, gradients)
    new = jax.tree.map(lambda p, v: p - rate * v, params, slots)
    return new, slots
""",
    "nesterov": """\
    slots = jax.tree.map(lambda v, g: {momentum} * v + g, slots, gradients)
    new = jax.tree.map(
        lambda p, v, g: p - rate * (g + {momentum} * v), params, slots, gradients
    )
    return new, slots
""",
    "adam": """\
    m, v = slots
    m = jax.tree.map(lambda m, g: {beta1} * m + (1 - {beta1}) * g, m, gradients)
    v = jax.tree.map(lambda v, g: {beta2} * v + (1 - {beta2}) * g * g, v, gradients)
    size = rate * jnp.sqrt(1 - {beta2} ** (step + 1.0)) / (1 - {beta1} ** (step + 1.0))
    new = jax.tree.map(
        lambda p, m, v: p - size * m / (jnp.sqrt(v) + {epsilon}), params, m, v
    )
    return new, (m, v)
""",
}
DOCS = {
    "gradient_descent": "A step of gradient descent.",
    "momentum": "A step of gradient descent with momentum.",
    "adam": "A step of Adam, as TensorFlow makes it.",
}


def update(optimizer: Optimizer, suffix: str = "") -> str:
    """Return the source code of a function that makes an optimizer step. The name of the function
    is ``updated`` and a suffix.
    """
    rule = "nesterov" if optimizer.numbers.get("nesterov") else optimizer.op
    text = HEAD.format(doc=DOCS[optimizer.op], suffix=suffix)
    if optimizer.clip_value is not None:
        text += CLIP_VALUE.format(clip_value=optimizer.clip_value)
    if optimizer.clip_norm is not None:
        text += CLIP_NORM.format(clip_norm=optimizer.clip_norm)
    return (text + RULES[rule].format(**optimizer.numbers)).rstrip()


def slots(optimizer: Optimizer, zeros: str = "jax.tree.map(jnp.zeros_like, params)") -> str:
    """Return the code of the optimizer's initial state: zero averages of the gradients.

    Args:
        zeros: the code of zeros for all parameters.
    """
    return {"gradient_descent": "()", "momentum": zeros, "adam": f"({zeros}, {zeros})"}[
        optimizer.op
    ]
