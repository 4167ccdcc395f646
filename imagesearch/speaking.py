"""Text to speech by eSpeak NG, out of the wheel `espeakng-loader`: no program to install, no request to anyone."""
import ctypes
import io
import threading
import wave
from functools import cache
from typing import Any

import espeakng_loader

from imagesearch.errors import BadSetting

# Of speak_lib.h: samples to the callback and none to a sound card; a failure is no reason to end the process.
SYNCHRONOUS, DONT_EXIT, CHARS_UTF8, POSITION_CHARACTER = 2, 0x8000, 1, 1
RATE = 1  # espeakRATE, words per minute
SLOWEST, FASTEST = 80, 450  # words per minute that eSpeak takes
_lock = threading.Lock()  # the library has one voice and one callback for the whole process

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def speak(text: str, voice: str = "en", speed: int = 165) -> bytes:
    """A WAV file, 16 bit mono.

    :param voice: eSpeak's name of it, such as `en`, `en-us`, `de`, `en+f3`
    :param speed: words per minute, 80 to 450
    Raises BadSetting for a voice that eSpeak does not have.
    """
    library, rate = _library()
    samples = bytearray()

    @_Callback
    def take(data: Any, count: int, _events: Any) -> int:
        if data and count:
            samples.extend(ctypes.string_at(data, 2 * count))
        return 0

    encoded = text.encode("utf-8", "replace")
    with _lock:
        _choose(library, voice, speed)
        library.espeak_SetSynthCallback(take)
        library.espeak_Synth(encoded, len(encoded) + 1, 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None)
        library.espeak_Synchronize()
    return _wav(bytes(samples), rate)


def _choose(library: ctypes.CDLL, voice: str, speed: int) -> None:
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise BadSetting(f"SPEECH_VOICE={voice!r}: eSpeak NG has no such voice; try en, en-us, de or fr")
    library.espeak_SetParameter(RATE, max(SLOWEST, min(FASTEST, speed)), 0)


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The library, initialised once, and its samples per second."""
    with _lock:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_Synth.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint,
                                         ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
        rate = library.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), DONT_EXIT)
        if rate <= 0:
            raise OSError("eSpeak NG could not be started: its voices are missing from the wheel espeakng-loader")
        return library, rate


def _wav(samples: bytes, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples)
    return file.getvalue()
