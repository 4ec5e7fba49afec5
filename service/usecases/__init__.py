"""The use cases: one method is one legal move, in one transaction."""
