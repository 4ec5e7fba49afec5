"""The gates of correctness: each walks the whole catalogue, against an oracle."""
