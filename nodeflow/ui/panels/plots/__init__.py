"""The plots of trainings: curves, their drawing, and their grid.

The plots know only the `Curve` objects of a training, so curves of kept runs and of a running
training are drawn in the same way.
"""
