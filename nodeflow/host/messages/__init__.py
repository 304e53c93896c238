"""The messages between window and engine, by what they are about; `protocol` has them all."""
