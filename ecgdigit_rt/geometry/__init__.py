"""Sheet location in the image, and the mesh between paper millimetres and image pixels."""
