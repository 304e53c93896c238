"""What panels are made of: plots, tables and pictures of arrays, the history of a training.

Panels import from here; nothing here imports a panel. `plots` imports pyqtgraph, which takes long,
so a panel imports it when there is something to plot.
"""
