"""The code for random draws in each library."""

from __future__ import annotations

from nodeflow.integrations.code.dialect import Call, Expression
from nodeflow.integrations.code.shared_ops.array_ops import moved, sizes_text


def torch_dtype(name: str) -> str:
    """Return the code of a ``dtype`` argument for PyTorch. Return "" for float32, which is
    PyTorch's default.
    """
    return "" if name == "float32" else f", dtype=torch.{name}"


def _torch(text: str) -> Expression:
    """Return a function that writes the code of a draw from PyTorch's generator.

    Args:
        text: a template with ``{shape}``, ``{dtype}``, the attributes and the inputs.
    """

    def write(call: Call) -> str:
        known = {**call.attrs, "dtype": torch_dtype(call.dtype)}
        if "shape" in call.attrs:
            known["shape"] = sizes_text(call, "{}.tolist()")
        return text.format(*call.args, **known)

    return write


def _torch_normal(call: Call) -> str:
    mean, deviation = call.attrs["mean"], call.attrs["stddev"]
    drawn = f"torch.randn({sizes_text(call, '{}.tolist()')}{torch_dtype(call.dtype)})"
    return moved(drawn, {"mean": mean, "stddev": deviation})


def _torch_uniform(call: Call) -> str:
    low, high = call.attrs["low"], call.attrs["high"]
    shape = sizes_text(call, "{}.tolist()")
    if (low, high) == (0, 1):
        return f"torch.rand({shape}{torch_dtype(call.dtype)})"
    return f"torch.empty({shape}{torch_dtype(call.dtype)}).uniform_({low}, {high})"


PYTORCH: dict[str, Expression] = {
    "random_normal": _torch_normal,
    "random_uniform": _torch_uniform,
    "truncated_normal": _torch("truncated_normal({shape}, {mean}, {stddev}{dtype})"),
    "random_uniform_like": _torch("torch.rand({0}.shape{dtype})"),
    "random_bernoulli": "torch.bernoulli({0})",
    "random_categorical": (
        "torch.multinomial(torch.softmax({0}, dim=-1), {num_samples}, replacement=True)"
    ),
    "random_shuffle": "{0}[torch.randperm(len({0}))]",
    "random_gumbel": _torch("-torch.empty({shape}{dtype}).exponential_().log()"),
    "random_gamma": _torch("torch.distributions.Gamma({alpha}, {beta}).sample({shape})"),
    "random_poisson": _torch("torch.poisson(torch.full({shape}, {lam}{dtype}))"),
    "random_beta": _torch("torch.distributions.Beta({a}, {b}).sample({shape})"),
}


def _jax(function: str, *arguments: str, then: str = "{}") -> Expression:
    """Return a function that writes the code of a JAX draw, whose key depends on the number of the
    draw.

    Args:
        arguments: templates with ``{shape}``, ``{dtype}``, the attributes and the inputs.
        then: a template that is applied to the draw.
    """

    def write(call: Call) -> str:
        known = {**call.attrs, "dtype": f"jnp.{call.dtype}"}
        if "shape" in call.attrs:
            known["shape"] = sizes_text(call, "tuple({})")
        filled = [argument.format(*call.args, **known) for argument in arguments]
        key = f"jax.random.fold_in(key, {call.number})"
        drawn = f"jax.random.{function}({', '.join([key, *filled])})"
        return moved(then.format(drawn, **known), call.attrs)

    return write


def _numpy(text: str) -> Expression:
    """Return a function that writes the code of a draw from numpy's generator, in the dtype of the
    node.

    Args:
        text: a template with ``{shape}``, the attributes and the inputs.
    """

    def write(call: Call) -> str:
        known = dict(call.attrs)
        if "shape" in call.attrs:
            known["shape"] = sizes_text(call, "{}")
        drawn = f"{text.format(*call.args, **known)}.astype(np.{call.dtype})"
        return moved(drawn, call.attrs)

    return write


JAX: dict[str, Expression] = {
    "random_normal": _jax("normal", "{shape}", "{dtype}"),
    "random_uniform": _jax("uniform", "{shape}", "{dtype}", "{low}", "{high}"),
    "truncated_normal": _jax("truncated_normal", "-2", "2", "{shape}", "{dtype}"),
    "random_uniform_like": _jax("uniform", "{0}.shape", "{dtype}"),
    "random_bernoulli": _jax("bernoulli", "{0}", then="{}.astype({dtype})"),
    "random_categorical": _jax(
        "categorical", "{0}[:, None]", "shape=({0}.shape[0], {num_samples})"
    ),
    "random_shuffle": _jax("permutation", "{0}"),
    "random_gumbel": _jax("gumbel", "{shape}", "{dtype}"),
    "random_gamma": _jax("gamma", "{alpha}", "{shape}", "{dtype}", then="{} / {beta}"),
    "random_poisson": _jax("poisson", "{lam}", "{shape}", then="{}.astype({dtype})"),
    "random_beta": _jax("beta", "{a}", "{b}", "{shape}", "{dtype}"),
}
NUMPY: dict[str, Expression] = {
    "random_normal": _numpy("rng.standard_normal({shape})"),
    "random_uniform": _numpy("rng.uniform({low}, {high}, {shape})"),
    "truncated_normal": _numpy("truncated_normal(rng, {shape})"),
    "random_uniform_like": _numpy("rng.random({0}.shape)"),
    "random_bernoulli": _numpy("(rng.random({0}.shape) < {0})"),
    "random_categorical": _numpy(
        "np.argmax({0}[:, None] + rng.gumbel(size=(len({0}), {num_samples}, {0}.shape[1])), -1)"
    ),
    "random_shuffle": "rng.permutation({0})",
    "random_gumbel": _numpy("rng.gumbel(size={shape})"),
    "random_gamma": _numpy("rng.gamma({alpha}, 1 / {beta}, {shape})"),
    "random_poisson": _numpy("rng.poisson({lam}, {shape})"),
    "random_beta": _numpy("rng.beta({a}, {b}, {shape})"),
}


def _tensorflow(text: str) -> Expression:
    """Return a function that writes the code of a TensorFlow draw.

    Args:
        text: a template with ``{shape}``, ``{dtype}``, ``{seed}``, the attributes and the inputs.
    """

    def write(call: Call) -> str:
        seed = call.attrs["seed"]
        known = {**call.attrs, "dtype": f"tf.{call.dtype}"}
        known["seed"] = "" if seed is None else f", seed={seed}"
        if "shape" in call.attrs:
            known["shape"] = sizes_text(call, "{}")
        return text.format(*call.args, **known)

    return write


TENSORFLOW1: dict[str, Expression] = {
    "random_normal": _tensorflow("tf.random_normal({shape}, {mean}, {stddev}, {dtype}{seed})"),
    "random_uniform": _tensorflow("tf.random_uniform({shape}, {low}, {high}, {dtype}{seed})"),
    "truncated_normal": _tensorflow(
        "tf.truncated_normal({shape}, {mean}, {stddev}, {dtype}{seed})"
    ),
    "random_uniform_like": _tensorflow("tf.random_uniform(tf.shape({0}), dtype={dtype}{seed})"),
    "random_bernoulli": _tensorflow(
        "tf.cast(tf.random_uniform(tf.shape({0}), dtype={dtype}{seed}) < {0}, {dtype})"
    ),
    "random_categorical": _tensorflow("tf.random.categorical({0}, {num_samples}{seed})"),
    "random_shuffle": _tensorflow("tf.random_shuffle({0}{seed})"),
    "random_gamma": _tensorflow("tf.random_gamma({shape}, {alpha}, {beta}, {dtype}{seed})"),
    "random_poisson": _tensorflow("tf.random_poisson({lam}, {shape}, {dtype}{seed})"),
}
