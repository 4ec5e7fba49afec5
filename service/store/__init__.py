"""The outside world: the database, its tables and blobs, and the broker."""
