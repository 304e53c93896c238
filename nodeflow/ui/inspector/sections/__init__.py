"""The sections of the inspector's pages: name, problems, attributes, ports, training settings."""
