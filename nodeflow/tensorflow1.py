"""TensorFlow 1's names: ``import nodeflow.tensorflow1 as tf``.

``python -m nodeflow.tensorflow1`` converts a program, or runs it as it is. This file belongs to the
integration ``tensorflow1`` and is removed with it.
"""

from typing import Any

from nodeflow.graph.graph import use_graphs_of
from nodeflow.integrations.tensorflow1.graphs import Graph as _Graph
from nodeflow.integrations.tensorflow1.namespace import ROOT
from nodeflow.integrations.tensorflow1.runner.import_hook import provide

__path__: list[str] = []  # so that `import nodeflow.tensorflow1.contrib` finds namespaces
__version__ = ROOT.__version__  # programs compare it
provide("nodeflow.tensorflow1")
use_graphs_of(_Graph)


def __getattr__(name: str) -> Any:
    return getattr(ROOT, name)


def __dir__() -> list[str]:
    return dir(ROOT)


if __name__ == "__main__":
    from nodeflow.integrations.tensorflow1.command import main

    raise SystemExit(main())
