"""Layout of a page: rows, lead names, paper speed and gain."""
