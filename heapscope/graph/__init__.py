"""Pure algorithms over the references of a snapshot. No I/O, and no knowledge of what the figures mean to a person."""
