"""The panels around the canvas. Each is a module with a `PANEL`, which declares it (see `panel`).

The window finds panels by listing this package, so nothing imports a panel by its name. A panel
may import controllers, pages, popups, the inspector and the folders in this package, but
neither the window nor another panel.
"""
