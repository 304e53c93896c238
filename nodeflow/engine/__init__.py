"""From a graph to numbers: plan, generated kernels, the driver and its team, the numpy reference."""
