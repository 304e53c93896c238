"""Compares the gradients of a piece of a graph with finite differences.

`piece` says what lies between some tensors and others, `copy` makes a graph of it alone, in float64
where its ops take that, `check` compares.
"""
