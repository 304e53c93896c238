"""The programs that compute a model: nodeflow, ONNX's own evaluator, and onnxruntime.

Each computes all outputs of a model, from the bytes of the file. onnxruntime is an extra, imported
only when it is chosen. It runs without optimizations, so that each node computes what it says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

import numpy as np

import nodeflow as nf
from nodeflow.errors import NodeflowError
from nodeflow.exchange.comparison import NotVerified
from nodeflow.graph.graph import ancestors
from nodeflow.integrations.onnx.equations import TRAINING_MODE, replaced_ops
from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.file import LARGEST, opsets
from nodeflow.integrations.onnx.reading import graph_of
from nodeflow.manifests import SoftwareMissing

Arrays = Mapping[str, np.ndarray]
MOST_TRIES = 20
"""Maximum number of nodes that a run leaves out because they fail."""

FITTING = "If the inputs do not fit the model, give samples of yours with --samples."


class Program(Protocol):
    """A program that computes models.

    Attributes:
        title: its name and version.
        not_computed: the reason for each node that it could not compute.
    """

    title: str
    not_computed: dict[str, str]

    def load(self, model: Any) -> None:
        """Load a model, so that `run` can compute its outputs.

        Raises:
            NotVerified: the program cannot load the model.
        """
        ...

    def run(self, feeds: Arrays) -> dict[str, np.ndarray]:
        """Run the model on the feeds, and return by name the outputs that this program can compute.

        Raises:
            NotVerified: the program cannot compute any output.
        """
        ...


def program(name: str, tier: Any = "compiled") -> Program:
    """Return the program that computes ONNX models under this name: ``nodeflow``, ``onnx`` or
    ``onnxruntime``.

    Raises:
        NotVerified: the name is none of these.
        SoftwareMissing: the program is not installed.
    """
    if name == "nodeflow":
        return Nodeflow(tier)
    if name == "onnx":
        return Evaluator()
    if name == "onnxruntime":
        return OnnxRuntime()
    raise NotVerified(f"{name} cannot compute ONNX models", hint="Choose onnx or onnxruntime.")


def onnxruntime_package() -> ModuleType:
    """Return the package onnxruntime.

    Raises:
        SoftwareMissing: it is not installed, or cannot be imported.
    """
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise SoftwareMissing(
            f"the package onnxruntime cannot be imported: {error}",
            hint="pip install 'onnxruntime>=1.20' brings it.",
        ) from None


class Nodeflow:
    """This program, with a tier of its engine."""

    def __init__(self, tier: Any) -> None:
        self.title = f"nodeflow {nf.__version__}"
        self.not_computed: dict[str, str] = {}
        self._tier = tier

    def load(self, model: Any) -> None:
        self._opened = opened = graph_of(model, fold=False)
        self.not_computed = dict(opened.missing)
        broken = {opened.graph.node(name) for name in opened.missing}
        self._outputs = {
            name: tensor
            for name, tensor in opened.outputs.items()
            if not broken & ancestors({tensor.node})
        }
        self._session = nf.Session(opened.graph, tier=self._tier)
        self._session.variables.update(opened.weights)

    @property
    def names(self) -> Collection[str]:
        """The names of the outputs that nodeflow can compute, as far as known."""
        return self._outputs.keys()

    def run(self, feeds: Arrays) -> dict[str, np.ndarray]:
        fed = {self._opened.inputs[name]: array for name, array in feeds.items()}
        for _ in range(MOST_TRIES):
            names = list(self._outputs)
            if not names:
                break
            try:
                found = self._session.run([self._outputs[name] for name in names], fed)
            except NodeflowError as error:
                if error.node is None or error.node not in self._opened.graph:
                    raise
                self._leave_out(error.node, error.message)
                continue
            return dict(zip(names, map(np.asarray, found), strict=True))
        why = "; ".join(f"{n}: {w}" for n, w in list(self.not_computed.items())[:3])
        raise NotVerified(f"nodeflow computes no tensor of the model: {why}", hint=FITTING)

    def _leave_out(self, name: str, why: str) -> None:
        """Drop the outputs that depend on a node that cannot be computed, and record the reason."""
        node = self._opened.graph.node(name)
        self.not_computed[name] = why
        self._outputs = {n: t for n, t in self._outputs.items() if node not in ancestors({t.node})}


class Evaluator:
    """ONNX's own evaluator, `onnx.reference`."""

    def __init__(self) -> None:
        self.title = f"onnx {onnx_package().__version__}, its evaluator"
        self.not_computed: dict[str, str] = {}

    def load(self, model: Any) -> None:
        from onnx.reference import ReferenceEvaluator

        self._names = [value.name for value in model.graph.output]
        new_ops = replaced_ops(opsets(model).get("", TRAINING_MODE))
        try:
            self._run = ReferenceEvaluator(model, new_ops=new_ops).run
        except Exception as error:  # another program may raise anything
            raise NotVerified(f"ONNX's evaluator cannot load the model: {_short(error)}") from None

    def run(self, feeds: Arrays) -> dict[str, np.ndarray]:
        try:
            found = self._run(None, dict(feeds))
        except Exception as error:  # another program may raise anything
            text = f"ONNX's evaluator cannot run the model: {_short(error)}"
            raise NotVerified(text, hint=FITTING) from None
        return _arrays(self._names, found)


class OnnxRuntime:
    """onnxruntime on the processor, without optimizations."""

    def __init__(self) -> None:
        self._package = onnxruntime_package()
        self.title = f"onnxruntime {self._package.__version__}"
        self.not_computed: dict[str, str] = {}

    def load(self, model: Any) -> None:
        self._names = [value.name for value in model.graph.output]
        if model.ByteSize() > LARGEST:
            raise NotVerified(
                "the model is larger than 2 GB, which onnxruntime takes as a file only"
            )
        package = self._package
        options = package.SessionOptions()
        options.graph_optimization_level = package.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        try:
            self._session = package.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # another program may raise anything
            raise NotVerified(f"onnxruntime cannot load the model: {_short(error)}") from None

    def run(self, feeds: Arrays) -> dict[str, np.ndarray]:
        try:
            found = self._session.run(None, dict(feeds))
        except Exception as error:  # another program may raise anything
            text = f"onnxruntime cannot run the model: {_short(error)}"
            raise NotVerified(text, hint=FITTING) from None
        return _arrays(self._names, found)


def _arrays(names: list[str], found: Any) -> dict[str, np.ndarray]:
    """Return a dict of the results that are arrays. Drop sequences and missing optional values."""
    pairs = zip(names, found, strict=True)
    return {name: np.asarray(a) for name, a in pairs if isinstance(a, (np.ndarray, np.generic))}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
