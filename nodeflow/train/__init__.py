"""Training a graph on data: the loop, evaluation, early stopping, and weights on disk.

`settings` declares the settings, `training` binds them to a graph and its data, `loop.train` yields
`events`, and `control` steers it from another thread. Layers above import these modules; nothing
here knows documents, processes or windows.
"""
