"""Text and documents: expressions typed by the user become nodes, nodes become formulas or Python.

The top of `document`: it may import all of it, and only layers above import it.
"""
