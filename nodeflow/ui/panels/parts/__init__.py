"""Parts of panels: plots, tables and pictures of arrays, the history of a training.

Panels import from here; nothing here imports a panel. `plots` imports pyqtgraph, which is slow to
load, so a panel imports it only when there is something to plot.
"""
