"""Pages on many machines: Ray Data hands out parts of a run, each machine reads its pages and writes them."""
