"""The document that a user edits: its records, commands and file, and the graph built from it.

Folders, from the bottom up: `model`, then `io` and `analysis`, `layout`, `edit`, `to_graph`,
`formula`. Each imports only from earlier ones; import-linter proves it. The layers above import the
modules they need; nothing in here imports Qt, a host or the window.
"""
