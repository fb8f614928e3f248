"""Decoding: input files to pages, and pages to upright RGB pixels."""
