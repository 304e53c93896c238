"""Names and arguments of other libraries, and their counterparts here.

``others`` has the names of numpy, PyTorch, JAX and Keras, ``arguments`` the spellings of arguments.
Integrations add libraries with their manifests (purpose ``names``). ``answers`` makes the hint for
a wrong name from all of them. Nothing here imports ops.
"""
