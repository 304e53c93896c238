"""Names of TensorFlow 1 and of other libraries, and what they are called here.

``table`` is the data: one place that the guide *Coming from TensorFlow 1*, the answers to wrong
names, the other spellings of arguments and the converter (``python -m nodeflow.tensorflow1``) read.
Nothing here imports what computes.
"""
