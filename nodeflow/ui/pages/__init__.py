"""The pages in the middle of the window: the welcome page and the inside of a derived node.

A page takes its models and emits what the user requests. It imports neither controllers nor panels.
"""
