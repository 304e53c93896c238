"""Graphs as TensorFlow writes them, and ``tf.GraphDef``."""
