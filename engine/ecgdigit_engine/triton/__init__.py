"""Stages as models of NVIDIA's Triton Inference Server: configuration files and calls."""
