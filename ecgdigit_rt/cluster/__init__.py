"""Runs on a Ray cluster. Ray Data distributes the parts to workers, which digitize and write them."""
