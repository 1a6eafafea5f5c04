"""The cases in which ``__slots__`` break, lose or save nothing, by theme; docs/slots-hazards.md lists them."""
