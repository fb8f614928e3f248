"""A run that may end at any moment and go on later: its journal, what it keeps, who reads its pages."""
