"""From a document to a graph and a task: flattened subgraphs, the graph, its data and settings.

`build` and `task` are for the command line and the engine process, which follows edits with
`live_build`; `expand` is for the window, `api` and `from_graph` for the public Python interface.
Only `formula` and layers above may import from here.
"""
