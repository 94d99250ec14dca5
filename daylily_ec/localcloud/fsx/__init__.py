"""FSx for Lustre: file systems, data repository associations and tasks that move real bytes."""
