"""From a graph to numbers: plan, generated kernels, dispatch loop, and the numpy reference."""
