"""What the trials of comparisons do, one system per file."""
