"""ONNX in both directions: `reading` opens its files, `writing` writes them, `check` compares.

The package ``onnx`` is an extra. It is imported only when a file is read or written.
"""
