"""Formulas: typed expressions become nodes, and nodes become formulas, LaTeX or Python.

The top of `document`: it may import all of it, and only layers above import it.
"""
