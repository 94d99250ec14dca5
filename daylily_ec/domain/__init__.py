"""Pure types and rules: parsed once at the edge, then trusted.  No I/O, no imports beyond `errors`."""
