"""Sweeps: trainings of one graph with different values of its attributes and settings.

`value_specs` describes the values, `grid_and_random_trials` lists the resulting trainings, and
`results` ranks them. The trainings are kept as runs (`run_store`). They train in separate processes
of the program that starts a sweep.
"""
