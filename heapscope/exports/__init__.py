"""Snapshots and analyses written for other programs: pure functions, values in, bytes out."""
