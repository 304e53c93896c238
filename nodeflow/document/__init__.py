"""What the user edits: the document, its commands, its file, and how a graph is built from it.

Folders, from the bottom up: `model`, then `io` and `analysis`, `layout`, `edit`, `build`,
`formula`. Each imports only from those before it; import-linter proves it. The layers above import
the modules they need; nothing in here imports Qt, a host or the window.
"""
