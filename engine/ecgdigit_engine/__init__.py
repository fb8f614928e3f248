"""Stage specs and the runners that execute the networks."""
