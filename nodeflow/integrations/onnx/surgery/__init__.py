"""Surgery on ONNX models: each verb changes a model in place, and leaves the rest as it was read.

`edits` has the verbs, reads and writes the files. `operation` is the model under the knife with its
promise, what stays equal, and `proof` tests the promise with onnxruntime.
"""
