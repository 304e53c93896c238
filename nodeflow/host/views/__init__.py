"""Views of tensors, computed in the engine process and reduced there to what fits the screen.

A view is one module here with a `KIND`, and one of the same id in ``nodeflow.ui.views`` that draws
it. What a module hands over is unpickled in the window, so it imports nothing heavy.
"""
