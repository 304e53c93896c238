"""Run by a Python that has JAX: values and gradients of a random program, in float64.

``python jax_program.py JOB.json INPUTS.npz RESULTS.npz``. Our rules for gradients at ties are
written as ``custom_jvp``; everything else is what JAX makes of it. Imports nothing of nodeflow.
"""

import json
import sys

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402
from jax.scipy.special import erf, erfc  # noqa: E402


def ruled(function, rule):
    """A function whose derivative is ``rule(*primals, out)``: one factor for each argument."""
    wrapped = jax.custom_jvp(function)

    @wrapped.defjvp
    def _(primals, tangents):
        out = function(*primals)
        factors = rule(*primals, out)
        return out, sum(f * t for f, t in zip(factors, tangents)) + 0 * out

    return wrapped


def extreme(reduce):
    """A reduction along the last axis; its derivative is shared equally by ties."""

    @jax.custom_jvp
    def function(x):
        return reduce(x, axis=-1, keepdims=True)

    @function.defjvp
    def _(primals, tangents):
        out = function(primals[0])
        chosen = (primals[0] == out).astype(out.dtype)
        return out, (chosen * tangents[0] / chosen.sum(-1, keepdims=True)).sum(-1, keepdims=True)

    return function


def number(condition):
    return jnp.where(condition, 1.0, 0.0)


OPS = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softplus": lambda x: jnp.logaddexp(x, 0.0),
    "sin": jnp.sin,
    "cos": jnp.cos,
    "negative": lambda x: -x,
    "square": jnp.square,
    "erf": erf,
    "gelu": lambda x: x * 0.5 * erfc(-x / np.sqrt(2)),
    "softmax": lambda x: jax.nn.softmax(x, axis=-1),
    "exp_negative": lambda x: jnp.exp(-jnp.abs(jnp.tanh(x) + 2)),
    "log_positive": lambda x: jnp.log(jnp.square(x) + 1),
    "sqrt_positive": lambda x: jnp.sqrt(jnp.square(x) + 1),
    "divide_positive": lambda x, y: x / (jnp.square(y) + 1),
    "reduce_sum": lambda x: x.sum(-1, keepdims=True),
    "reduce_mean": lambda x: x.mean(-1, keepdims=True),
    "matmul": lambda x, y: (x @ y.T) @ y,
    "transpose_back": jnp.tanh,
    "relu": ruled(lambda x: jnp.maximum(x, 0.0), lambda x, out: (number(x > 0),)),
    "abs": ruled(jnp.abs, lambda x, out: (jnp.sign(x),)),
    "leaky_relu": ruled(
        lambda x: jnp.where(x > 0, x, x * 0.2), lambda x, out: (jnp.where(x > 0, 1.0, 0.2),)
    ),
    "maximum": ruled(jnp.maximum, lambda x, y, out: (number(x >= y), number(~(x >= y)))),
    "minimum": ruled(jnp.minimum, lambda x, y, out: (number(x <= y), number(~(x <= y)))),
    "clip": ruled(
        lambda x: jnp.minimum(jnp.maximum(x, -1.0), 1.0),
        lambda x, out: (number((x >= -1) & (x <= 1)),),
    ),
    "where_greater": lambda x, y: jnp.where(x > y, x * 0.5, y),
    "reduce_max": extreme(jnp.max),
    "reduce_min": extreme(jnp.min),
    "round_half": lambda x: x + jax.lax.stop_gradient(jnp.round(x * 2) * 0.5 - x),
}


def evaluate(rows, growing, inputs):
    """The scalar at the end, and the value of every row."""
    values = list(inputs)
    for name, operands, _ in rows:
        value = OPS[name](*(values[o] for o in operands))
        values.append(jnp.sin(value) * 2 if name in growing else value)
    made = values[len(inputs) :]
    total = made[0].sum() * 0.5
    for place, value in enumerate(made[1:]):
        total = total + value.sum() * (0.5 + (place % 7) / 8)
    return total, made


def main(job, source, target):
    with open(job) as file:
        jobs = json.load(file)
    given, results = np.load(source), {}
    for key, rows in jobs["programs"].items():
        inputs = [jnp.asarray(given[f"{key}/{i}"]) for i in range(jobs["inputs"])]

        def function(*arrays, rows=rows):
            return evaluate(rows, jobs["growing"], arrays)

        numbers = tuple(range(len(inputs)))
        with jax.disable_jit():
            run = jax.value_and_grad(function, argnums=numbers, has_aux=True)
            (total, values), slopes = run(*inputs)
        results[f"{key}/total"] = np.asarray(total)
        results |= {f"{key}/value{i}": np.asarray(v) for i, v in enumerate(values)}
        results |= {f"{key}/slope{i}": np.asarray(s) for i, s in enumerate(slopes)}
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
