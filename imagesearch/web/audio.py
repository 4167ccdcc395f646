"""A picture's caption, spoken."""
import hashlib

from flask import Response

from imagesearch.errors import NotFound
from imagesearch.records import Record
from imagesearch.speaking import speak
from imagesearch.web import conditions, schemas
from imagesearch.web.lifecycle import services
from imagesearch.web.openapi import IMAGES, blueprint, contents, refusals, request_headers

api = blueprint("audio", IMAGES)


@api.get("/images/<id>/audio", openapi_extensions=request_headers("Range", "If-Match", "If-None-Match"), responses={
    200: contents("The caption, spoken.", "audio/wav"), 206: contents("A part of it.", "audio/wav"),
    304: {"description": "Still those words."}, **refusals(404, 412, 416)})
def get_audio(path: schemas.ImagePath) -> Response:
    """The caption, spoken

    By eSpeak NG, on the server; `SPEECH_VOICE` and `SPEECH_SPEED` choose how. `404` while there is no caption.
    """
    image = services().library.get(path.id)
    if not image.caption:
        raise NotFound(f"image {image.id} has no caption yet to be spoken; its status is {image.status}", "caption")
    key = _key(image)
    file = services().storage.speech(image.sha256, key)
    if not file.exists():
        settings = services().settings
        services().storage.put_speech(image.sha256, key, speak(image.caption, settings.speech_voice,
                                                               settings.speech_speed))
    try:
        answer = conditions.file(file, "audio/wav", f"{image.sha256[:16]}-{key}")
    except FileNotFoundError:
        raise NotFound(f"image {image.id} has just been deleted, or given another caption") from None
    answer.headers["Cache-Control"] = "private, no-cache"  # the caption may be changed
    return answer


def _key(image: Record) -> str:
    """Another caption, voice or speed is another file."""
    settings = services().settings
    spoken = f"{settings.speech_voice}\n{settings.speech_speed}\n{image.caption}"
    return hashlib.sha256(spoken.encode()).hexdigest()[:16]
