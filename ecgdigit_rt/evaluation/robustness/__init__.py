"""Robustness: loss of accuracy with known degradations of the page, level by level."""
