"""One training by several processes, on this machine or on several hosts: data parallel on JAX.

Every process runs the same training on its share of each batch's rows. What a step joins over rows
(`nodeflow.engine.rows`) is all-reduced where it stands, so variables, losses and metrics are equal
in all of them. `peers` connects the processes, `steps` makes the steps.
"""
