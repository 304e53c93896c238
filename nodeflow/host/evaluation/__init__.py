"""The values that nodes show: computed by the reference tier on a few rows, or overridden."""
