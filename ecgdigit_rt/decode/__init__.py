"""Decoding: list the pages of the inputs, and decode each page to upright RGB pixels."""
