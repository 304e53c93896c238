"""Runs generated modules: what they answer, how they train, and what they answer then.

Runs in a Python with PyTorch, JAX or TensorFlow, apart from nodeflow. The argument is a file of
JSON with a list of jobs: folder and name of a module, an .npz of what is fed, how many steps to
train, and whether to answer as in training. A file of answers is written for each, and the versions
of the libraries are printed as JSON.
"""

import contextlib
import importlib.util
import inspect
import io
import json
import sys
import traceback
from pathlib import Path

import numpy as np


def loaded(folder, name):
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def taken(function, given):
    """The arguments of a function among some values."""
    return {name: given[name] for name in inspect.signature(function).parameters if name in given}


class Torch:
    def __init__(self, module, in_training):
        import torch

        self.torch, self.module = torch, module
        kinds = [v for v in vars(module).values() if inspect.isclass(v)]
        (kind,) = [k for k in kinds if k.__module__ == module.__name__]
        self.model, self.in_training = kind(), in_training

    def train(self, steps):
        return self.module.train(self.model, steps)

    def answer(self, fed):
        self.model.train(self.in_training)
        fed = {name: self.torch.from_numpy(value) for name, value in fed.items()}
        with self.torch.no_grad():
            found = self.model(**taken(self.model.forward, fed))
            if hasattr(self.model, "measure"):
                found |= self.model.measure(found, **taken(self.model.measure, fed))
        return {name: value.numpy() for name, value in found.items()}


class Functions:
    """A module of functions, of JAX or numpy."""

    def __init__(self, module, in_training):
        self.module, self.phases = module, {}
        names = inspect.signature(module.predict).parameters
        if "key" in names:
            import jax

            self.phases["key"] = jax.random.key(7)
        self.phases |= {"rng": 7, "training": in_training}
        found = module.initial() if hasattr(module, "initial") else {}
        self.variables = dict(zip(("params", "state"), found, strict=True)
                              if isinstance(found, tuple) else {"params": found})  # fmt: skip

    def train(self, steps):
        *variables, losses = self.module.train(steps)
        self.variables = dict(zip(("params", "state"), variables, strict=False))
        return losses

    def answer(self, fed):
        given = {**self.variables, **self.phases, **fed}
        found = self.module.predict(**taken(self.module.predict, given))
        out = found[0] if isinstance(found, tuple) else found
        answers = dict(out)
        if hasattr(self.module, "measure"):
            given["out"] = out
            answers |= self.module.measure(**taken(self.module.measure, given))
        return {name: np.asarray(value) for name, value in answers.items()}


class TensorFlow:
    def __init__(self, module, in_training):
        self.tf, self.module = module.tf, module
        self.tf.reset_default_graph()
        self.tensors = module.build()
        self.session = self.tf.Session()
        self.session.run(self.tf.global_variables_initializer())
        self.phase = {self.tensors["training"]: in_training} if "training" in self.tensors else {}

    def train(self, steps):
        return self.module.train(self.session, self.tensors, steps)

    def answer(self, fed):
        feeds = {self.tensors[name]: value for name, value in fed.items() if name in self.tensors}
        wanted = {k: t for k, t in self.tensors.items() if k not in fed and k != "training"}
        return self.session.run(wanted, {**feeds, **self.phase})


KINDS = {"pytorch": Torch, "jax": Functions, "numpy": Functions, "tensorflow1": TensorFlow}


def run(job):
    folder = Path(job["folder"])
    with np.load(job["fed"]) as file:
        fed = dict(file)
    module = loaded(folder, job["name"])
    peer = KINDS[job["target"]](module, job["in_training"])
    found = {f"before/{name}": value for name, value in peer.answer(fed).items()}
    if job["steps"]:
        with contextlib.redirect_stdout(io.StringIO()):
            found["losses"] = np.array(peer.train(job["steps"]))
        found |= {f"after/{name}": value for name, value in peer.answer(fed).items()}
    np.savez(folder / "answers.npz", **found)


if __name__ == "__main__":
    jobs = json.loads(Path(sys.argv[1]).read_text())
    for one in jobs:
        try:
            run(one)
        except Exception:
            (Path(one["folder"]) / "problem.txt").write_text(traceback.format_exc())
    names = ("torch", "jax", "tensorflow", "numpy")
    modules = {name: sys.modules[name] for name in names if name in sys.modules}
    print(json.dumps({name: module.__version__ for name, module in modules.items()}))
