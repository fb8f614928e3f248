"""Numba kernels for signals and geometry, most of them with a NumPy reference for the tests."""
