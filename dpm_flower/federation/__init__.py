"""Flower, as a shell around the regime: grid, replies, averaging, and the handlers of both sides."""
