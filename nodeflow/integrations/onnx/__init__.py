"""ONNX in both directions: `reading` opens its files, `export` writes them, `check` compares.

An op that ONNX has is one function in `importers` for reading, and one in `exporters` for writing.
The package ``onnx`` is an extra. It is imported only when a file is read or written.
"""
