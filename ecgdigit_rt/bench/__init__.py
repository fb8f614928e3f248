"""What `ecgdigit-rt bench` measures, and the papers that every figure carries."""
