"""The service: the HTTP process and the memory of the system."""
