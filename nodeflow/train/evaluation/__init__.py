"""Measurements of a training: values over a whole split, early stopping, mean weights."""
