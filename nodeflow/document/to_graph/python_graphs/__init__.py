"""Graphs made in Python: ``nf.save`` and ``nf.load``, and the nodes that Python adds to a file."""
