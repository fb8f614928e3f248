"""What is printed on the paper: rows, lead names, speed and gain."""
