"""Formulas: typed expressions become nodes, and nodes become formulas, LaTeX or Python.

The top folder of `document`: it may import all others, and only layers above import it.
"""
