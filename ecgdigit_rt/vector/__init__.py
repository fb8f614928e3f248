"""Pages of vector files: the curves are read from the file, without networks."""
