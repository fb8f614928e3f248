"""Tracing of rectified strips, and assembly of calibrated leads."""
