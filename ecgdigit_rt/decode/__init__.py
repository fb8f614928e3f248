"""Decoding: list the pages of the inputs, and decode each page to RGB pixels.

The EXIF orientation of a page is applied to its pixels.
"""
