"""Readers and writers: one file a format family, recognised by content."""
