"""Client scripts: each is a user of the HTTP API like any other."""
