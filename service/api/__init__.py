"""The HTTP edge: parse, one call to a use case, return."""
