"""Bad input as data: what is sent, and the answer it must get."""
