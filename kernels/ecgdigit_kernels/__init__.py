"""Numba kernels for signals and geometry. Most of them have a NumPy reference for the tests."""
