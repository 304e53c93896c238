"""ONNX both ways: `reading` opens its files, `writing` makes them, `check` compares with them.

The package ``onnx`` is an extra; it is imported where a file is read or written, never before.
"""
