"""Small tools without a subject of their own: time, files, processes, threads, progress.  Nothing here knows AWS."""
