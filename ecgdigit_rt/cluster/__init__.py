"""Runs on a Ray cluster: Ray Data distributes the parts of a run, workers digitize and write them."""
