"""Digitization without neural networks, as a reference for the accuracy tables."""
