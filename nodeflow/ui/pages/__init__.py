"""The pages in the middle of the window: the welcome page and the inside of a derived node.

A page takes its models, emits what the user asks for, and knows neither controllers nor panels.
"""
