"""Building, storage and matching of TensorRT engines."""
