"""Stages as models of NVIDIA's Triton Inference Server: their configurations, and how to call them there."""
