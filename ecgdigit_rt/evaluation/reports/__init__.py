"""An evaluation as text, JSON, CSV and HTML."""
