"""Graphs as programs of PyTorch, JAX, TensorFlow 1 and numpy, which run without nodeflow.

`program` selects the parts of a graph to write, and a dialect writes each op. Each library has
a folder with its dialect and the module that assembles the file; `targets` lists the libraries.
To write another op as code for a library, add one entry to the table of its dialect;
`shared_ops` has entries for several libraries.
"""
