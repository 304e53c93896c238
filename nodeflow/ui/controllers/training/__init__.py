"""Trainings, predictions, and what they learned."""
