"""What the demonstration runs on: reads with an exact truth, the workflow's tools, and its git repository.

Library code only: it fills one cache directory and returns what it made.  Nothing here knows AWS, the command line
or the local cloud; `cli.demo` puts the pieces together.
"""
