"""Model repository for NVIDIA's Triton Inference Server, and the code that runs inside the server."""
