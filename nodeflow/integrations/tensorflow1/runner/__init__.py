"""The runner of TensorFlow 1 programs, to which ``import tensorflow`` gives nodeflow's names."""
