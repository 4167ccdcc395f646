"""The service over HTTP. Nothing is imported here: gunicorn's master needs three of these modules, and with the others
it would hold 90 MB beside the process that serves, not 35."""
