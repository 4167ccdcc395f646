"""Caption → who and what is in the picture, in which colours, doing what.

"a black dog and a girl in a pink dress run" → dog: black, run; girl: run; dress: pink

`captioning.speech` tags the words, `captioning.phrases` finds the things named and `captioning.clauses` gives each verb
to its subject. Rules of the outcome:

* A subject is the singular head of a noun phrase with the nouns joined to it: "tennis ball".
* One entry a mention, so that "a black dog chases a white dog" never becomes a white dog that chases. Mentions that
  say nothing more than another one are folded into it.
* Actions and subjects are base forms. be, have and do are no actions, nor is anything negated; a passive's action
  belongs to its agent ("a ball thrown by a boy": boy: throw); what there is none of ("without a hat") is left out.
* "wearing red" and "in black" colour the wearer; "a black man" names no colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from captioning import colours as palette
from captioning import speech
from captioning.clauses import Reader
from captioning.phrases import Mention
from captioning.speech import Token

# Below this share of recognised words (of three or more) a caption is taken for another language: no characteristics.
MIN_KNOWN = 0.34


@dataclass(frozen=True)
class Characteristic:
    """A thing seen, its colours and its actions, all in base form."""

    subject: str
    subject_colours: tuple[str, ...] = ()
    subject_actions: tuple[str, ...] = ()


def from_caption(caption: str, colours: Sequence[palette.Colour] | None = None) -> list[Characteristic]:
    """The characteristics `caption` states, in its order; empty for no text or a language other than English.

    With `colours`, the picture's own (`colours.palette`), a claimed colour that none of them comes near is dropped
    (`colours.CLAIM_LIMIT`): give them for generated captions, not for what a person wrote.
    """
    tokens = speech.tag(caption)
    if not _english(tokens):
        return []
    found = [_characteristic(mention) for mention in Reader(tokens).read() if mention.shown]
    if colours is not None:
        found = [_plausible(each, colours) for each in found]
    return _folded(found)


def _english(tokens: list[Token]) -> bool:
    words = [token.word for token in tokens if token.word[0].isalpha()]
    if len(words) < 3:
        return any(word.isascii() for word in words)
    return sum(map(speech.known, words)) >= MIN_KNOWN * len(words)


def _characteristic(mention: Mention) -> Characteristic:
    return Characteristic(" ".join(mention.nouns), tuple(mention.colours), tuple(mention.actions))


def _plausible(claim: Characteristic, seen: Sequence[palette.Colour]) -> Characteristic:
    kept = tuple(name for name in claim.subject_colours if palette.plausible(name, seen))
    return Characteristic(claim.subject, kept, claim.subject_actions)


def _folded(found: list[Characteristic]) -> list[Characteristic]:
    """Without the entries that say no more than another one of the same subject."""
    kept: list[Characteristic] = []
    richest: dict[str, list[Characteristic]] = {}
    for each in dict.fromkeys(found):
        richest.setdefault(each.subject, []).append(each)
    for each in dict.fromkeys(found):
        bare = not each.subject_colours and not each.subject_actions
        if not (bare and len(richest[each.subject]) > 1):
            kept.append(each)
    return kept
