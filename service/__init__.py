"""The service: the HTTP process and the memory of the system."""

VERSION = "0.1.0"
