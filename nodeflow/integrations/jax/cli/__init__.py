"""Trainings in several processes, as the command line starts them."""
