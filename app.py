"""The service as a WSGI application: `gunicorn app:app`. Its command line is `python -m imagesearch`."""
from imagesearch.web.application import create_app

app = create_app()
