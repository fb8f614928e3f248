"""Tracing: from rectified strips to calibrated leads."""
