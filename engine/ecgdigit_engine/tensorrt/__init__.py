"""Build, storage and selection of TensorRT engines."""
