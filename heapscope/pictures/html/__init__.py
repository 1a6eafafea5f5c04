"""One self-contained page from a report: no network, no script, readable on a phone, on paper, in the dark."""
