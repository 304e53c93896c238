"""One training by several processes, on this machine or on several hosts: data parallel on JAX.

Every process runs the same training on its share of each batch's rows. Where a step combines
rows (`nodeflow.engine.rows`), the result is all-reduced, so variables, losses and metrics are
equal in all processes. `peers` connects the processes, `steps` makes the training steps.
"""
