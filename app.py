"""The service as a WSGI application: `gunicorn app:app`, or `flask --app app …` for the command line."""
from imagesearch.web.application import create_app

app = create_app()
