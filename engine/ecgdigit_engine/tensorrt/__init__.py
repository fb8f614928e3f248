"""Building TensorRT engines from the stages' graphs, and keeping them."""
