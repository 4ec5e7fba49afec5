"""Whole chunks of steps in one compiled call, for what they cover; the rest runs step by step."""
