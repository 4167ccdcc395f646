"""The usual tutorial pipeline, written plainly: what the service is compared with.

VGG16 with its two 4,096-wide layers and an LSTM 'merge' captioner, both through Keras' `predict`; one caption word a
`predict`, over the padded sequence so far; a vector file for each photo, all of them read and compared in a loop for
each search; captions ranked by BLEU. The weights are random, which costs the same time as trained ones.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers
from keras.applications.vgg16 import VGG16, preprocess_input
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

WORDS, LENGTH, UNITS, WIDTH = 5_000, 20, 512, 4_096


def captioner() -> keras.Model:
    """(4,096) features and the (20) word ids so far → the probabilities of the next of 5,000 words."""
    features = layers.Input((WIDTH,))
    words = layers.Input((LENGTH,))
    image = layers.Dense(UNITS, activation="relu")(layers.Dropout(0.5)(features))
    text = layers.Embedding(WORDS, UNITS, mask_zero=True)(words)
    text = layers.LSTM(UNITS)(layers.Dropout(0.5)(text))
    merged = layers.Dense(UNITS, activation="relu")(layers.add([image, text]))
    return keras.Model([features, words], layers.Dense(WORDS, activation="softmax")(merged))


class Tutorial:
    """Photos are described one at a time; their vectors lie in `folder`, one .npy file each."""

    def __init__(self, folder: Path) -> None:
        network = VGG16(weights=None)
        self.encoder = keras.Model(network.inputs, network.get_layer("fc2").output)
        self.captioner = captioner()
        self.folder = folder

    def add(self, photo: Path, words: int) -> list[int]:
        """Store the photo's vector and return a caption of `words` ids: random weights know no end of a sentence."""
        image = keras.utils.load_img(photo, target_size=(224, 224))
        pixels = preprocess_input(keras.utils.img_to_array(image)[None])
        features = self.encoder.predict(pixels, verbose=0)
        np.save(self.folder / f"{photo.stem}.npy", features[0])
        caption = [1]
        for _ in range(words):
            padded = keras.utils.pad_sequences([caption], maxlen=LENGTH)
            probabilities = self.captioner.predict([features, padded], verbose=0)
            caption.append(int(np.argmax(probabilities[0])))
        return caption[1:]


def nearest(vector: np.ndarray, folder: Path, best: int = 20) -> list[str]:
    """The names of the nearest stored photos by Euclidean distance, every vector read from its file."""
    distances = [(float(np.linalg.norm(np.load(file) - vector)), file.stem) for file in folder.glob("*.npy")]
    return [name for _, name in sorted(distances)[:best]]


def ranked_by_bleu(query: str, captions: list[str], best: int = 20) -> list[str]:
    """The captions nearest to the query as BLEU sees it."""
    words, smooth = query.split(), SmoothingFunction().method1
    scores = [(sentence_bleu([caption.split()], words, smoothing_function=smooth), caption) for caption in captions]
    return [caption for _, caption in sorted(scores, reverse=True)[:best]]
