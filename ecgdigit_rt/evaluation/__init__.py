"""Against the truth: the metric and its tables."""
