"""Speed and memory, as ratios against peers."""
