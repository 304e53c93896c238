"""Tables about the names and arguments of TensorFlow 1."""
