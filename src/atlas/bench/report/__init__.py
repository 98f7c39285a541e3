"""Reports of a graded run: plain text, JSON, and one HTML file."""
