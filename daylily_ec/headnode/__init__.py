"""What happens on the head node: one way to run a packaged script there, sessions, Slurm's answers.

Scripts are files in `config/headnode/`; their parameters are environment values and never become script text.
"""
