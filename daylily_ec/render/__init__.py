"""From template and values to the YAML that ParallelCluster gets.  Pure: prices and values come in as data."""
