"""The messages between window and engine, by topic. `protocol` collects them all."""
