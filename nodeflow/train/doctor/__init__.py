"""The training doctor: finds problems of a training in its graph, data, batch and curves.

Each rule is a function that yields hints, in a module named after the facts that the rule examines.
`checks.Doctor` calls the rules as it passes on the events of a training.
"""
