"""Numba kernels for signals and geometry, each beside its NumPy reference."""
