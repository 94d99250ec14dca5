"""The real `pcluster` command, and the wait for what it started.  The only room that starts that program."""
