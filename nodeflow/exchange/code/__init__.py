"""Graphs as programs of PyTorch, JAX, TensorFlow 1 and numpy, which run without nodeflow.

`program` selects the parts of a graph to write, a dialect (`pytorch`, `jax`, `numpy_code`,
`tensorflow1`) writes each op and the module around them, and `export` writes the files.
"""
