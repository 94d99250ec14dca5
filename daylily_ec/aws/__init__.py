"""One module per AWS service, each behind the calls it really needs.  The only room that knows boto3.

How each mutating call is safe to repeat stands in the docstring of its method: an idempotency token, tags in the create
call, or a unique name.  Errors are translated once, in `context`: not-found is the only proof of absence.
"""
