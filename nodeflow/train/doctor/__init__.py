"""The training doctor: finds problems of a training in its graph, data, batch and curves.

A rule is one function that yields hints. Its module names the examined source. `checks.Doctor`
calls the rules as it passes on the events of a training.
"""
