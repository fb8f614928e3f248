"""What comes in: files become pages, pages become upright pixels."""
