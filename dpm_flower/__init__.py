"""Institutions train on each other's images without showing them: Deep Poisoning as a Flower app."""
