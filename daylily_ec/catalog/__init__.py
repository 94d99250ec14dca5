"""The catalog of workflow repositories and their blessed commands: models, loading, choosing."""
