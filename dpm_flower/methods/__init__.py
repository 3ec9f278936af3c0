"""Sharing methods, one per file: what may leave an entity."""
