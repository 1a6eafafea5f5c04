"""Views: the content of the tabs, one module each."""
