"""Building a graph and a training task from a document: subgraphs flattened, data and settings
bound.

The command line and the engine process use `build` and `task`; the engine process follows edits
with `live_build`. The window uses `expand`, and the public Python interface `save_and_load`. Only
`code`, `formula`, `starters` and layers above `document` may import this folder.
"""
