"""TensorFlow 1's names with its arguments and meanings, and tools for programs written for it.

``nodeflow.tensorflow1`` is this namespace: ``import nodeflow.tensorflow1 as tf``. In `tables`,
`names` lists counterparts in `nf` and `homes` lists the names that only this namespace has.
`namespace` looks names up in both, and `convert` rewrites programs.
"""
