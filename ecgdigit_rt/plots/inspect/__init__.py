"""Inspection: eight images of the steps of one page, to find the step that went wrong."""
