"""Imports a generated module, trains it for some steps, and prints the losses as JSON.

Runs in a Python with PyTorch, JAX or TensorFlow, apart from nodeflow.
"""

import contextlib
import importlib
import io
import json
import sys

if __name__ == "__main__":
    folder, name, steps = sys.argv[1:]
    sys.path.insert(0, folder)
    module = importlib.import_module(name)
    with contextlib.redirect_stdout(io.StringIO()):
        losses = module.train(int(steps))
    print(json.dumps([float(value) for value in losses]))
