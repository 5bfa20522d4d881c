"""What to train and to measure: specs, sweeps, expressions, metrics (design.md 4)."""
