"""A complete small plugin for the tests: a linear model of binned peaks, numpy only."""
