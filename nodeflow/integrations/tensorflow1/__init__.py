"""TensorFlow 1's names, with its arguments and meanings, and programs written for it.

``nodeflow.tensorflow1`` is this namespace: ``import nodeflow.tensorflow1 as tf``. `names` is the
table of counterparts in `nf`, `homes` the table of names that only this namespace has, `namespace`
looks names up in both, and `convert` rewrites programs.
"""
