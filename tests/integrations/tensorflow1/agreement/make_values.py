"""Write ``values.npz``: what TensorFlow 1 (``tf.compat.v1``) gives for the calls and programs.

    python tests/integrations/tensorflow1/agreement/make_values.py

It runs with a Python that has TensorFlow; nodeflow is not imported. The file that is kept was made
with TensorFlow 2.15.1.
"""

from pathlib import Path

import calls
import numpy as np
import programs
import tensorflow.compat.v1 as tf


def main() -> None:
    tf.disable_v2_behavior()
    found = {}
    for name, function in calls.CASES.items():
        calls.seed(name)
        with tf.Graph().as_default(), tf.Session() as session:
            tensors = function(tf)
            session.run(tf.global_variables_initializer())
            for number, tensor in enumerate(tensors):
                found[f"{name}/{number}"] = np.asarray(session.run(tensor))
    for program in (programs.metric_cases, programs.train_cases):
        with tf.Graph().as_default():
            for number, value in enumerate(program(tf)):
                found[f"{program.__name__}/{number}"] = value
    np.savez_compressed(Path(__file__).with_name("values.npz"), **found)


if __name__ == "__main__":
    main()
