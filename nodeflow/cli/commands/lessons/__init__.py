"""Commands for lessons and classes."""
