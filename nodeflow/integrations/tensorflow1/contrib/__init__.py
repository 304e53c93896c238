"""Parts of ``tf.contrib``."""
