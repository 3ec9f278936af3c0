"""One training loop, and the losses and passes that run in it."""
