"""Model repository for NVIDIA's Triton Inference Server, and code that runs inside the server."""
