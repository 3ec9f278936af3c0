"""Errors, labelled data types, named random streams, and the contracts of every floor above."""
