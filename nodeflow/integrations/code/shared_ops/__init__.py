"""The code of ops that several libraries write alike."""
