"""Namespaces of TensorFlow 1: its names, argument orders and defaults, made of nodeflow's ops."""
