"""The embedded AWS: moto, extended in process, plus head nodes that really run.

It speaks HTTP to the rest of the world like AWS does.  Nothing here may import the product beyond `domain`,
and nothing but `cli.local` and `cli.demo` may import this package: the product sees an AWS profile, no more.
"""
