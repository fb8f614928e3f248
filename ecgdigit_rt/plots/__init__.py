"""What goes out: CSV, report, pictures."""
