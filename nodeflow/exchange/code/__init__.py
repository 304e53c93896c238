"""Graphs as programs of PyTorch, JAX, TensorFlow 1 and numpy, which run without nodeflow.

`program` says what of a graph is written, a dialect (`pytorch`, `jax`, `numpy_code`, `tensorflow1`)
writes each op and the module around them, and `export` writes the files.
"""
