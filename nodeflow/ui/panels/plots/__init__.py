"""The plots of trainings: curves, their drawing, and their grid.

The plots know nothing of a training except its `Curve` objects, so kept runs and a live training
are drawn alike.
"""
