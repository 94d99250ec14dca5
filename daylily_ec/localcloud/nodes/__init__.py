"""Head nodes that really run: one bubblewrap box per head node, with a real Slurm, entered with nsenter.

Nothing in here knows moto; the rest of the local cloud talks to `manager.BoxManager` through the `NodeManager` seam.
"""
