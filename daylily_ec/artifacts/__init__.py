"""Files that a run leaves for its operator: stable bytes, private, never overwritten."""
