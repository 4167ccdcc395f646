"""Settings in, a WSGI application out."""
from flask import Flask

from imagesearch.bootstrap import Services, build
from imagesearch.config import Settings
from imagesearch.web import (
    audio,
    auth,
    compression,
    docs,
    gallery,
    images,
    lifecycle,
    logs,
    openapi,
    problems,
    safety,
    searches,
    service,
    slots,
    teaching,
    uploads,
)
from imagesearch.web.multipart import largest_body


def create_app(settings: Settings | None = None, services: Services | None = None) -> Flask:
    """Loads no model; `app.extensions["imagesearch"].start()` does, and the first request at the latest."""
    services = services or build(settings or Settings.from_environment())
    app = openapi.create(services.settings)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config.update(LOG_LEVEL=services.settings.log_level,
                      MAX_CONTENT_LENGTH=largest_body(services.settings, services.settings.max_files))
    logs.init_app(app)
    safety.init_app(app)
    compression.init_app(app)
    problems.init_app(app)
    lifecycle.init_app(app, services)
    slots.init_app(app, services.settings.threads)
    auth.init_app(app)
    for api in (uploads.api, images.api, audio.api, searches.api, teaching.api, service.api):
        app.register_api(api)
    app.register_blueprint(docs.pages)
    app.register_blueprint(gallery.pages)
    return app
