"""What the models say of one picture."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from captioning import characteristics, colours, registry
from captioning.characteristics import Characteristic
from captioning.colours import Colour
from captioning.similarity import pooled
from imagesearch.telemetry import stage

if TYPE_CHECKING:
    from captioning.captioner import Caption, Captioner
    from captioning.encoders import Encoder
    from captioning.joint import Joint
    from captioning.taggers import Teachable


@dataclass(frozen=True)
class Seen:
    """What one pass of the encoder gave: the map, the vectors made of it, and the picture's named colours."""

    map: np.ndarray  # (7, 7, channels) float32
    vectors: Mapping[str, np.ndarray]
    palette: list[Colour]


@dataclass(frozen=True)
class Description:
    """`vectors`: space → (d,) float32, of length 1 but in the taggers' pooled space. `caption` is None where a person
    wrote one."""

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
        self.lesson_space = "{}-pooled@{}".format(*registry.original(encoder.card))  # lessons are for both encoders
        self.caption_model = f"{captioner.name}@{captioner.version}"

    @property
    def spaces(self) -> list[str]:
        """Every vector space a stored picture should be in."""
        return [space for space in (self.similar_space, self.joint_space, self.pooled_space) if space]

    def see(self, images: Sequence[Image.Image]) -> list[Seen]:
        """One pass of the encoder over each of these upright RGB pictures, and what follows from it without words."""
        if not images:
            return []
        with stage("encode"):
            maps = np.stack([self.encoder.features(image) for image in images])
            vectors = {self.similar_space: self.encoder.vector(maps)}
            if self.joint and self.joint_space:
                vectors[self.joint_space] = self.joint.embed_image(maps)
            if self.pooled_space:
                vectors[self.pooled_space] = pooled(maps)
        with stage("colours"):
            return [Seen(maps[k], {space: found[k] for space, found in vectors.items()}, colours.palette(image))
                    for k, image in enumerate(images)]

    def tell(self, seen: Sequence[Seen], written: Sequence[str | None]) -> list[Description]:
        """What is to be kept of pictures.

        :param written: a person's caption for each, or None where one is to be generated: for sixteen pictures at once
            that takes each half the time
        """
        with stage("caption"):
            wanted = [one.map for one, caption in zip(seen, written, strict=True) if caption is None]
            generated = iter(self.captioner.captions(np.stack(wanted)) if wanted else [])
        return [self._written(one, next(generated)) if caption is None else self._human(one, caption)
                for one, caption in zip(seen, written, strict=True)]

    def describe(self, image: Image.Image, caption: str | None = None) -> Description:
        """Both, of one picture."""
        return self.tell(self.see([image]), [caption])[0]

    def _written(self, seen: Seen, caption: "Caption") -> Description:
        return Description(seen.vectors, colours.largest(seen.palette), caption.text, self.caption_model,
                           caption.confidence, characteristics.from_caption(caption.text, seen.palette))

    @staticmethod
    def _human(seen: Seen, caption: str) -> Description:
        """The pixels do not doubt what a person says of colours."""
        return Description(seen.vectors, colours.largest(seen.palette),
                           characteristics=characteristics.from_caption(caption))

    def vector(self, image: Image.Image) -> np.ndarray:
        """(d,) float32 for a comparison with stored pictures."""
        with stage("encode"):
            return self.encoder.encode(image).vector
