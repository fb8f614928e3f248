"""Accuracy of predictions against ground truth: metric, reports and robustness."""
