"""Numba kernels for signals and geometry. Most of them have a reference implementation for the tests."""
