"""Other remedies than slots: bytes that a change of the code would save, by pattern, with holder and fix."""
