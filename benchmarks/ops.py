"""Single ops beside PyTorch that matter in no case of engine.py, the slowest first.

    python benchmarks/ops.py --peers PYTHON [--op NAME]... [--rounds 9] [--seconds 0.1] [--cpu avx2]

PYTHON is an interpreter with torch. Both are started and warm, their results are compared, and then
they take turns. A ratio is nodeflow's time divided by PyTorch's: of medians, and of best calls in
brackets. The table is Markdown. This command made the table in docs/performance_details.md.
"""

import op_workloads
from beside_torch import compare

if __name__ == "__main__":
    compare(__doc__.splitlines()[0], "op", op_workloads.CASES, 0.1)
