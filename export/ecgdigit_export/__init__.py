"""Page synthesis, training, and ONNX export of the stage models. Needs the `export` extra."""
