"""Attacks, one per file, and the scoring of their guesses: what a release really tells."""
