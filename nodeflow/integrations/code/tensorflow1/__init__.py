"""Graphs as TensorFlow 1 programs."""
