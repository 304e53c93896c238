"""Names and arguments of other libraries, and their counterparts in nodeflow.

``others`` has the names of numpy, PyTorch, JAX and Keras, ``arguments`` the spellings of arguments.
Integrations add libraries with their manifests (purpose ``names``). ``answers`` makes the hint for
a wrong name from all of them. This package does not import ops.
"""
