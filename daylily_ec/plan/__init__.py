"""Plans are data: steps that can describe, observe and apply themselves, and the executor that carries them out.

Making a plan uses read-only calls alone; a value that an earlier step will produce is an `Output`.
"""
