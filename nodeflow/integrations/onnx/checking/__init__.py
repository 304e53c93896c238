"""Checks of whole models: the values of each tensor, computed by two programs or by two models.

`programs` computes the values of a model, `verification` compares two programs, and `comparison`
two models. `samples` are the inputs.
"""
