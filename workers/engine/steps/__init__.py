"""The steps of an epoch: batches, passes, updates, in each of the ways to do them."""
