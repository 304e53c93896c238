"""TensorFlow 1's names around a program: options, files, messages, and small classes."""
