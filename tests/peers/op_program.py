"""Evaluates expressions of a library. Runs in a Python that has it, apart from nodeflow.

The argument is a folder with jobs.json (target, helpers, expressions) and given.npz; it gets
found.npz and problems.json.
"""

import json
import sys
from pathlib import Path

import numpy as np


def torch_names():
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    made = {"torch": torch, "F": F, "nn": nn, "Tensor": Tensor}
    return made, torch.from_numpy, lambda t: t.detach().numpy()


def jax_names():
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    return {"jax": jax, "jnp": jnp, "np": np, "Array": jax.Array}, jnp.asarray, np.asarray


def tensorflow_names():
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    return {"tf": tf}, tf.constant, None


def evaluated(tf, code, names, local):
    """The values of an expression, in a graph of its own; variables are what is called w_NAME."""
    with tf.Graph().as_default(), tf.Session() as session:
        made = {n: (tf.Variable if n.startswith("w_") else tf.constant)(v)
                for n, v in local.items()}  # fmt: skip
        value = eval(code, names, made)
        session.run(tf.global_variables_initializer())
        return session.run(list(value) if isinstance(value, (list, tuple)) else [value])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    facts = json.loads((folder / "jobs.json").read_text())
    kinds = {"pytorch": torch_names, "jax": jax_names, "tensorflow1": tensorflow_names}
    names, given, result = kinds[facts["target"]]()
    names["math"] = __import__("math")
    exec("from __future__ import annotations\n" + "\n".join(facts["helpers"]), names)
    with np.load(folder / "given.npz") as file:
        arrays = dict(file)
    found, problems = {}, {}
    for job in facts["jobs"]:
        key = job["key"]
        local = {n.rsplit(":", 1)[1]: np.array(v) for n, v in arrays.items()
                 if n.rsplit(":", 1)[0] == key}  # fmt: skip
        try:
            if result is None:
                for number, value in enumerate(evaluated(names["tf"], job["code"], names, local)):
                    found[f"{key}:{number}"] = value
                continue
            values = eval(job["code"], names, {n: given(v) for n, v in local.items()})
            values = list(values) if job["several"] else [values]
            for number, value in enumerate(values):
                found[f"{key}:{number}"] = np.asarray(result(value))
        except Exception as error:
            problems[key] = f"{type(error).__name__}: {error}"
    np.savez(folder / "found.npz", **found)
    (folder / "problems.json").write_text(json.dumps(problems))
