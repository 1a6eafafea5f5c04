"""What a person wants to know about a snapshot: types, slots advice, differences. No I/O, no presentation."""
