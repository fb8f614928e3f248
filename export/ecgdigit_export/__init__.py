"""Page synthesis, training and ONNX export of the stage networks. Requires the `export` extra."""
