"""The wire contract, one file per resource."""
