"""A toy of a plugin that can only transfer."""
