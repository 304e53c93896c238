"""What every part of the window shares: the open document, the engine, settings, themes, messages.

Nothing here imports another folder of `ui`.
"""
