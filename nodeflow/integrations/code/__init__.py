"""Graphs as programs of PyTorch, JAX, TensorFlow 1 and numpy, which run without nodeflow.

`program` selects the parts of a graph to write, a dialect writes each op, each library
has a folder with its dialect and the module that assembles the file, and `targets` has them all.
For code of a library, an op needs one entry in the table of its dialect; `shared_ops` has the
entries that libraries share.
"""
