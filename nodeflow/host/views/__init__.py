"""Views of tensors, computed in the engine process and reduced there to the size of the screen.

A view is one module in `kinds` with a `KIND`, and a module of the same name in
``nodeflow.drawing.views`` that draws it. The window unpickles the results of a module, so the
module imports nothing heavy.
"""
