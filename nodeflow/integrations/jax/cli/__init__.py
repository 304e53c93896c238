"""Trainings in several processes, started by the command line."""
