"""Data sets read from disk, and their division among the entities."""
