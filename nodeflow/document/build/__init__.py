"""From a document to a graph and a task: flattened subgraphs, the graph, its data and settings.

`build` and `task` are for the command line and the engine process, `expand` for the window, `api`
and `from_graph` for the public Python interface. Only `formula` and layers above may import from
here.
"""
