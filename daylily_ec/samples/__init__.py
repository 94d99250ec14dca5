"""Sample sheets: read, checked as a whole before anything is copied, staged, and turned into the workflow's tables."""
