"""Scores: how good a decider is, how alike two images are, how much of a gain is kept."""
