"""Displays of tensors: tables, histograms, pictures, points, comparisons."""
