"""Packed training: many networks of one shape as stacked tensors."""
