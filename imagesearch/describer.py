"""What the models say of one picture."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from captioning import characteristics, colours
from captioning.characteristics import Characteristic
from captioning.colours import Colour
from captioning.similarity import pooled
from imagesearch.telemetry import stage

if TYPE_CHECKING:
    from captioning.captioner import Captioner
    from captioning.encoders import Encoder
    from captioning.joint import Joint
    from captioning.taggers import Teachable


@dataclass(frozen=True)
class Description:
    """`vectors`: space → (d,) float32, of length 1 but in the taggers' pooled space. `caption` is None where none was
    asked for."""

    vectors: Mapping[str, np.ndarray]
    colours: list[Colour]
    caption: str | None = None
    caption_model: str | None = None
    confidence: float | None = None
    characteristics: list[Characteristic] = field(default_factory=list)


class Describer:
    """The encoder, the captioner and, where they are installed, the joint text-image model and the taggers."""

    def __init__(self, encoder: "Encoder", captioner: "Captioner", joint: "Joint | None" = None,
                 taggers: "Teachable | None" = None):
        self.encoder, self.captioner, self.joint, self.taggers = encoder, captioner, joint, taggers
        self.detail = 2 * encoder.side  # pixels of a shorter side that are worth decoding
        self.similar_space = f"{encoder.name}@{encoder.version}"
        # two encoders with one joint model are two spaces
        quantised = f"-{encoder.card.version}" if "stands_for" in encoder.card.settings else ""
        self.joint_space = f"{joint.name}@{joint.version}{quantised}" if joint else None
        self.pooled_space = f"{encoder.name}-pooled@{encoder.card.version}" if taggers else None
        self.caption_model = f"{captioner.name}@{captioner.version}"

    @property
    def spaces(self) -> list[str]:
        """Every vector space a stored picture should be in."""
        return [space for space in (self.similar_space, self.joint_space, self.pooled_space) if space]

    def describe(self, image: Image.Image, caption: bool = True, human_caption: str | None = None) -> Description:
        """One pass of the encoder, and what follows from it.

        :param image: upright RGB
        :param caption: whether to write one
        :param human_caption: what a person wrote; its characteristics are then not doubted by the pixels
        """
        with stage("encode"):
            encoding = self.encoder.encode(image)
        vectors = {self.similar_space: encoding.vector}
        if self.joint and self.joint_space:
            vectors[self.joint_space] = self.joint.embed_image(encoding.map)
        if self.pooled_space:
            vectors[self.pooled_space] = pooled(encoding.map)
        with stage("colours"):
            palette = colours.palette(image)
            largest = colours.largest(palette)
        if not caption:
            return Description(vectors, largest, characteristics=characteristics.from_caption(human_caption or ""))
        with stage("caption"):
            written = self.captioner.caption(encoding.map)
        return Description(vectors, largest, written.text, self.caption_model, written.confidence,
                           characteristics.from_caption(written.text, palette))

    def vector(self, image: Image.Image) -> np.ndarray:
        """(d,) float32 for a comparison with stored pictures."""
        with stage("encode"):
            return self.encoder.encode(image).vector
