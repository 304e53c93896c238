"""The training doctor: what goes wrong in a training, found in its graph, data, batch and curves.

A rule is one function that yields hints; the module says what it looks at. `checks.Doctor` calls
them as the events of a training pass by.
"""
