"""Their side: each kind of case, computed by PyTorch or scikit-learn."""
