"""Shared parts of the window: the open document, the engine, settings, themes, messages.

Nothing here imports another folder of `ui`.
"""
