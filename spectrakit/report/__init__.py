"""Reports for people: one HTML file that needs nothing else, and figures as PNG."""
