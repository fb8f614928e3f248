"""Specifications of the stages, and runners that execute their networks."""
