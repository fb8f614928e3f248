"""Location of the sheet in the image, and the mesh that maps paper millimetres to image pixels."""
