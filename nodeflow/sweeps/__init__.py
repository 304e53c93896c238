"""Sweeps: trainings of one graph with different values of its attributes and settings.

`specs` describes the values, `trials` lists the resulting trainings, and `results` ranks them. The
trainings are runs (`run_store`). The program that starts a sweep starts them in separate processes.
"""
