"""What this machine remembers of its runs: records, journals, locks.  Never the truth about AWS, only what we did.

No AWS calls; a damaged file is refused with its name, never read as "nothing there".
"""
