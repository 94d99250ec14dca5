"""The command line: parse, call one workflow, emit its result.  No decisions live here."""
