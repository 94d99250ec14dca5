"""Data between S3 and the cluster file system: associations, listings, exports and their receipts."""
