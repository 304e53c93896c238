"""Optuna as a sampler of sweeps: it learns from earlier trials, and ends hopeless trials early."""
