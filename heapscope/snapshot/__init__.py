"""The immutable result of a capture: its model, how a stream becomes one, and its file. Never talks to a target."""
