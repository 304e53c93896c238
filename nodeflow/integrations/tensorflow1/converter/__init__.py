"""The converter of TensorFlow 1 programs, which rewrites their imports and calls."""
