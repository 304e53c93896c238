"""The functions behind the window's actions: files, edits, runs, subgraphs, views, keys, themes.

A controller takes the models and widgets that it needs, binds its actions, and emits signals about
results. It imports neither a panel nor the window.
"""
