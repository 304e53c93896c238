"""The document itself: immutable records in tables, transactions, undo, events.

Everything may import from here. Nothing here imports from the rest of `document`, and nothing
here reads files or declarations of ops.
"""
