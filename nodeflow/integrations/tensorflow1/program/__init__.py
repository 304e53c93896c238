"""TensorFlow 1's names that serve whole programs: options, files, messages, and small classes."""
