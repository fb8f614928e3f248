"""Benchmark of this machine, and the provenance that every result carries."""
