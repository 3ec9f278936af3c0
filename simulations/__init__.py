"""Studies: one experiment per file, each a value called STUDY."""
