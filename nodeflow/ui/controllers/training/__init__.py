"""Trainings, predictions, and trained weights."""
