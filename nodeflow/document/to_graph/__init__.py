"""Building a graph and a task from a document: subgraphs flattened, data and settings bound.

`build` and `task` are for the command line and for the engine process, which follows edits with
`live_build`. `expand` is for the window; `save_and_load` is for the public Python interface. Only
`formula` and layers above may import from here.
"""
