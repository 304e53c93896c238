"""Graphs as PyTorch programs."""
