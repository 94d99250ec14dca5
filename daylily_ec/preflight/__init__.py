"""Everything a cluster needs, looked at before anything is changed: nine validators in a fixed order.

Only get, list, describe, head and simulate calls; the write probe runs when it is asked for by name.
"""
