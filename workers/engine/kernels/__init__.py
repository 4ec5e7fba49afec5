"""The hot loops of training: what they are (contract) and how they are computed (plain)."""
