"""The plots of trainings: curves, how they are drawn, and the grid in which they stand.

`Curve` is all that the plots know of a training, so that kept runs are drawn beside a live one.
"""
