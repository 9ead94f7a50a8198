"""Library and structure search."""
