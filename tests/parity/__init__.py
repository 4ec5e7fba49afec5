"""The engine beside PyTorch: the same cases computed by both, and the gates between them."""
