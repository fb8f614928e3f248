"""Digitization without neural networks: the reference in every accuracy table."""
