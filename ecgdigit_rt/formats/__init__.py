"""Output formats of a run: one module per format, listed in `registry`."""
