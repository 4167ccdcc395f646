"""eSpeak NG, out of its wheel."""
import io
import wave
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagesearch.errors import BadSetting
from imagesearch.speaking import speak


def seconds(data: bytes) -> float:
    with wave.open(io.BytesIO(data)) as sound:
        return sound.getnframes() / sound.getframerate()


def test_more_words_take_longer_and_faster_is_shorter():
    words = "a brown dog runs through the grass"
    assert seconds(speak("a dog")) < seconds(speak(words)) > seconds(speak(words, speed=300))


def test_an_unknown_voice_is_named():
    with pytest.raises(BadSetting, match="SPEECH_VOICE='klingon-opera'"):
        speak("a dog", "klingon-opera")


@pytest.mark.parametrize("text", ["", "…", "\N{DOG FACE}", "犬", "a\N{NO-BREAK SPACE}b", "x" * 2000])
def test_whatever_a_caption_holds_is_a_wav(text):
    assert speak(text)[:4] == b"RIFF"


def test_several_at_once_do_not_mix():
    with ThreadPoolExecutor(4) as pool:
        lengths = [seconds(sound) for sound in pool.map(speak, ["yes", "a brown dog runs through the grass"] * 6)]
    assert max(lengths[0::2]) < min(lengths[1::2])
