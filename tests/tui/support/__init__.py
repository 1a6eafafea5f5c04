"""Made-up heaps and a fake engine for the terminal UI's tests and screenshots."""
