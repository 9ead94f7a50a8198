"""A small torch plugin for the tests: peaks matched with their precursor, by the train core."""
