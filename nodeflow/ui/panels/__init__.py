"""The panels around the canvas: one module each, with a `PANEL` that declares it (see `panel`).

The window finds panels by listing this package; nothing imports a panel by its name. A panel may
import controllers, pages, popups, the inspector and the folders here, but neither the window nor
another panel.
"""
