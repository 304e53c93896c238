"""Formulas: typed expressions become nodes, and nodes become formulas, LaTeX or Python code."""
