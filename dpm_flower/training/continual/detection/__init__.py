"""Detectors that learn over days when each image may be kept for one day only, one way of learning per file."""
