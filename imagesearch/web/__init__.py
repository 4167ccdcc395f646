"""The service over HTTP. Importing this package loads nothing: gunicorn's master needs three of its modules, and what
it holds beside the process that serves is 60 MB without the rest."""
