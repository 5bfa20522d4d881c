"""Sensitivity of trained networks: Jacobian norms, transitions, norms of weights."""
