"""What a run can write: a module a format, and one table of them in `registry`."""
