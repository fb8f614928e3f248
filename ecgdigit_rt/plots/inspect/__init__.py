"""Inspection of one page: eight images of the steps, to find the step that went wrong."""
