"""What each command does, usable from Python."""
