"""The document that a user edits: its records, edits and file, and the graph built from it.

The folders have layers, from the bottom up: `model`; `analysis` and `io`; `layout`; `edit`; `diff`;
`from_graph`; `to_graph`; `code`, `formula` and `starters`. Each imports only from lower layers, as
import-linter proves. No module here imports Qt, the host or the window.
"""
