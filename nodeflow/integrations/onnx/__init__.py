"""ONNX in both directions: `reading` opens its files, `export` writes them, `check` compares
values.

Each supported op of ONNX is a function in `importers` for reading, and one in `exporters` for
writing. The package ``onnx`` is an extra. It is imported only when a file is read or written.
"""
