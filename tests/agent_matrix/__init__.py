"""Runs the agent under each CPython found, in a plain fork instead of an injected clone."""
