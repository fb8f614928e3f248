"""From pixels to paper: where the sheet is, and a mesh that says in millimetres how it is bent."""
