"""Faults injected into real processes; the product knows nothing of them."""
