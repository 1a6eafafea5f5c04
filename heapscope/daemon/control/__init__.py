"""What the daemon offers to others: the control socket, metrics, and exports. extensions.py lists them."""
