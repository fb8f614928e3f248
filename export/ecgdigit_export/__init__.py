"""Page synthesis, training, and ONNX export of the stage networks. Needs the `export` extra."""
