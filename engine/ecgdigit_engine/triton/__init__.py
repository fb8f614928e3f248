"""Stages as models of NVIDIA Triton Inference Server: configuration files and calls."""
