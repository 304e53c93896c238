"""From a graph to numbers: plan, generated kernels, driver, team, and the numpy reference."""
