"""TensorFlow 1's namespaces: its names, argument orders and defaults, from nodeflow's ops."""
