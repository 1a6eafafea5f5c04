"""The capture stream: what the clone says to the host. Runs on both sides; the syntax of Python 3.8, no imports."""
