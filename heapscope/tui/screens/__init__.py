"""Screens: one module each, registered by the application."""
