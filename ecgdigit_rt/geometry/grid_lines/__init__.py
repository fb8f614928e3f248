"""Correction of a mesh along the rows, so that it follows the grid lines of the paper.

Order: `profiles` averages the paper over bands of rows, `major_lines` and `minor_lines` measure the lines in
these profiles, `snapping` separates the displacement of the paper from the pixels of the program that drew
the lines, and `follow` displaces the mesh.
"""
