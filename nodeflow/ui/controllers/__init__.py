"""What the window does: the actions on files, edits, runs, subgraphs, views, keys and themes.

A controller takes the models and widgets that it needs, binds its actions, and emits what happened.
It imports neither a panel nor the window.
"""
