"""The verbs, one module each: they compose the rooms below and return frozen results.

A workflow never prints, prompts, exits or sleeps; it reports through `Services.reporter` and waits on `Services.clock`.
"""
