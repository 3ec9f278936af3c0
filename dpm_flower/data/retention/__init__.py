"""Images that may be kept for a limited time only, and everything that is made of them. Nothing in here needs torch."""
