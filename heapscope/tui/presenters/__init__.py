"""Presenters: from a snapshot and its analysis to finished strings. Pure: no widgets, no I/O."""
