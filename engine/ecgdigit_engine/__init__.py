"""Stage specifications, and the runners that execute the networks."""
