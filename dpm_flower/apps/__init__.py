"""Entry points: runs through Flower and the processes that they need."""
