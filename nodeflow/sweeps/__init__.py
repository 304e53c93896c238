"""Sweeps: trainings of one graph with other values of its attributes and settings.

`specs` says which values, `trials` which trainings that gives, and `results` which were the best.
The trainings are runs (`run_store`); who starts a sweep starts them, in processes of their own.
"""
