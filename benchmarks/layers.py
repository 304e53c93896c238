"""Models of layers, as users write them, trained beside PyTorch: the slowest first.

    python benchmarks/layers.py --peers PYTHON [--model NAME]... [--seconds 0.3] [--cpu avx2]

PYTHON is an interpreter with torch. Each model has other initial values in each library. So only
the numbers of weights are compared, and that the loss is finite. Otherwise like ops.py.
"""

import layer_workloads
from beside_torch import compare

if __name__ == "__main__":
    compare(__doc__.splitlines()[0], "model", layer_workloads.CASES, 0.3)
