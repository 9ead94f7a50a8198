"""A student of the core with teachers from the command line, for the tests."""
