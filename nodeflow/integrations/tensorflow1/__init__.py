"""TensorFlow 1's names, with its arguments and meanings, and programs written for it.

``nodeflow.tensorflow1`` is this namespace: ``import nodeflow.tensorflow1 as tf``. In
`tables`, `names` has counterparts in `nf` and `homes` the names that only this namespace has.
`namespace` looks names up in both, and `convert` rewrites programs.
"""
