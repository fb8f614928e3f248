"""Benchmark of the pipeline on this machine, and the provenance of the results."""
