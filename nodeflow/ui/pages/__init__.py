"""The pages in the middle of the window, such as the welcome page and the inside of a node.

A page gets its models as arguments and emits signals for user requests. It imports neither
controllers nor panels.
"""
