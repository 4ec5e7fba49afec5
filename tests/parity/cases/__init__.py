"""The cases that both sides compute: their tables, walked over the whole catalogue."""
