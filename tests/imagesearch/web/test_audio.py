"""A caption is heard."""
import io
import wave

from tests.captioning.pictures import quarters, saved
from tests.imagesearch.web.asking import fetched, refused, send, stored

SMALL = saved(quarters(), "PNG")


def test_the_caption_is_spoken_as_a_wav(client):
    audio = fetched(client, stored(client, SMALL, caption="four coloured squares")["audio_url"])
    assert audio.mimetype in {"audio/wav", "audio/x-wav"}
    with wave.open(io.BytesIO(audio.data)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        assert 0.5 < sound.getnframes() / sound.getframerate() < 5
        assert max(sound.readframes(sound.getnframes())) > 0


def test_a_part_can_be_asked_for_and_what_is_known_is_not_sent_again(client):
    url = stored(client, SMALL, caption="four squares")["audio_url"]
    whole = fetched(client, url)
    part = fetched(client, url, Range="bytes=0-3")
    assert (part.status_code, part.data) == (206, b"RIFF")
    assert part.headers["Content-Range"] == f"bytes 0-3/{len(whole.data)}"
    assert fetched(client, url, If_None_Match=whole.headers["ETag"]).status_code == 304
    assert fetched(client, url).data == whole.data  # kept, not spoken anew


def test_another_caption_is_another_sound_in_the_place_of_the_first(client, services):
    image = stored(client, SMALL, caption="four squares")
    before = fetched(client, image["audio_url"])
    client.patch(image["url"], json={"caption": "many more than four squares of several colours"})
    after = fetched(client, image["audio_url"])
    assert after.headers["ETag"] != before.headers["ETag"]
    assert len(after.data) > len(before.data)
    assert [path.read_bytes() for path in services.storage.speeches()] == [after.data]


def test_without_a_caption_there_is_nothing_to_hear(client, monkeypatch):
    monkeypatch.setattr("imagesearch.worker.Worker.step", lambda self: False)  # it stays pending
    image = send(client, SMALL, headers={"Prefer": "respond-async"}).json
    refused(client.get(image["audio_url"]), 404, "caption", "no caption yet")


def test_the_sound_goes_with_its_picture(client, services):
    image = stored(client, SMALL, caption="four squares")
    fetched(client, image["audio_url"])
    assert list(services.storage.root.glob("thumbnails/*/*.wav"))
    client.delete(image["url"])
    assert not list(services.storage.root.glob("thumbnails/*/*.wav"))
