"""The daemon: watches configured services, keeps their heap history within a budget, and reacts to rules."""
