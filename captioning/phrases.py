"""Noun phrases of a caption: which things it names, with the colours and actions said in the phrase itself."""

from dataclasses import dataclass, field

from captioning import lexicon as lex
from captioning import speech
from captioning.speech import Token

_POSITIONS = frozenset(("front", "back", "top", "bottom", "left", "right", "middle", "side", "rear", "centre"))
_NEUTRAL_WITH_PEOPLE = frozenset(("black", "white", "brown", "yellow"))
_COVERINGS = frozenset(("cover", "fill", "line", "cap", "crowd"))


@dataclass(eq=False)
class Mention:
    """One thing named by the caption, while its colours and actions are being gathered."""

    nouns: list[str]
    plural: bool = False
    described: bool = False
    absent: bool = False
    colours: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        return self.nouns[-1]

    @property
    def animate(self) -> bool:
        return speech.animate(self.head)

    @property
    def moves(self) -> bool:
        return self.animate or self.head in lex.MOVING_THINGS

    @property
    def shown(self) -> bool:
        if self.absent or self.head not in lex.UNSEEN:
            return not self.absent
        return bool(self.colours) or self.described or (len(self.nouns) > 1 and self.head in lex.SEEN_IN_COMPOUNDS)


class Phrase:
    """One noun phrase from `start`: determiners, describing words, nouns joined into one subject."""

    def __init__(self, tokens: list[Token], start: int) -> None:
        self.tokens, self.end = tokens, start
        self.colours: list[str] = []
        self.mentions: list[Mention] = []
        self.owners: list[Mention] = []
        self.only_determiner = False
        self._elliptical: list[list[str]] = []
        self._gerunds: list[Token] = []
        self._nouns: list[Token] = []
        self._absent = self._described = False
        self._parts: list[Mention] = []
        self._collectives: list[Mention] = []
        self._scan()
        self._finish(start)

    @property
    def last_token(self) -> Token:
        return self.tokens[self.end - 1]

    def _scan(self) -> None:
        while self.end < len(self.tokens) and self._take(self.tokens[self.end]):
            self.end += 1

    def _take(self, token: Token) -> bool:
        """Take one token into the phrase; False where the phrase is over."""
        if self._kind_of_deed(token) or self._covering(token):
            return True
        if token.tag == "N" or (token.tag == "M" and self._nouns):
            self._nouns.append(token)
        elif self._nouns:
            return self._goes_on(token)
        elif token.tag == "D":
            self._absent = self._absent or token.word == "no"
        elif token.tag == "C":
            self.colours += [token.lemma] if token.lemma not in self.colours else []
        elif token.tag == "J":
            self._describe(token)
        elif token.tag == "M":
            self._gerunds.append(token)
        elif token.tag == "R":
            return self._peek(1) in "JCM" or (bool(self.colours) and self._peek(1) == "N")
        elif token.tag == "K" or token.word == ",":
            return self._joins()
        elif token.word == "of":
            return self._counts()
        else:
            return False
        return True

    def _kind_of_deed(self, token: Token) -> bool:
        """"people ice skating": ice is no thing here."""
        following = self.tokens[self.end + 1] if self.end + 1 < len(self.tokens) else token
        return token.tag == "N" and following.tag == "V" and following.lemma in lex.DEED_KINDS.get(token.lemma, ())

    def _covering(self, token: Token) -> bool:
        """"snow covered ground": both words describe the ground."""
        if token.tag == "V":
            return self.end > 0 and self._covering_pair(self.end - 1)
        return token.tag == "N" and self._covering_pair(self.end)

    def _covering_pair(self, place: int) -> bool:
        if place + 2 >= len(self.tokens) or self.tokens[place].tag != "N":
            return False
        verb = self.tokens[place + 1]
        return verb.form == "ed" and verb.lemma in _COVERINGS and self.tokens[place + 2].tag in "NJCM"

    def _goes_on(self, token: Token) -> bool:
        """Past a noun: "a group of people" is people, "a man's hat" a man and a hat."""
        if token.tag == "O":
            self.owners.append(self._mention([]))
            self._restart()
            return True
        if token.word == "of" and self._nouns[-1].lemma in lex.QUANTITIES and self._peek(1) in "DJCNMR":
            self._nouns = []
            return True
        if token.word == "of" and self._nouns[-1].lemma in lex.COLLECTIVES and self._peek(1) in "DJCNM":
            self._collectives.append(self._mention(self.colours))
            self._restart()
            return True
        return False

    def _counts(self) -> bool:
        """"two of the dogs" is dogs."""
        return self.tokens[self.end - 1].tag == "D" and self._peek(1) in "DJCN" and not self.colours

    def _joins(self) -> bool:
        """Conjunctions inside a phrase: "black and white dog", "a black and a brown dog", "young and old men"."""
        previous = self.tokens[self.end - 1].tag
        if previous not in "CJ":
            return False
        following = self._peek(1)
        if following == "D" and self._peek(2) == "C" and self.colours and self._noun_ahead(self.end + 3):
            self._elliptical.append(self.colours)
            self.colours = []
            return True
        if following == "K":
            return self._peek(2) in "CJ"
        return following == "C" or (following == "J" and self._noun_ahead(self.end + 2))

    def _noun_ahead(self, place: int) -> bool:
        limit = min(len(self.tokens), place + 12)  # keeps the whole linear
        while place < limit and self.tokens[place].tag in "JCMK":
            place += 1
        return place < len(self.tokens) and self.tokens[place].tag == "N"

    def _peek(self, ahead: int) -> str:
        place = self.end + ahead
        return self.tokens[place].tag if place < len(self.tokens) else "X"

    def _describe(self, token: Token) -> None:
        """"brown haired": the colour is that of the hair."""
        self._described = True
        if self.colours and speech.part(token.word):
            self._parts.append(Mention([speech.part(token.word)], colours=self.colours))
            self.colours = []

    def _restart(self) -> None:
        self._nouns, self.colours, self._gerunds = [], [], []
        self._absent = False

    def _finish(self, start: int) -> None:
        if not self._nouns and (self._gerunds or self._parts) and not self.colours:
            self.owners += self._parts
            return
        if not self._nouns:
            taken = self.tokens[start : self.end]
            self.only_determiner = bool(taken) and all(token.tag == "D" for token in taken)
            return
        self.owners += self._parts
        self.mentions = [self._mention(colours) for colours in [*self._elliptical, self.colours]]
        self.mentions = self._collectives + self.mentions

    def _mention(self, colours: list[str]) -> Mention:
        nouns = [token.word if token.tag == "M" else token.lemma for token in self._nouns]
        head = nouns[-1]
        while len(nouns) > 1 and (nouns[0] in _POSITIONS or nouns[0] in lex.QUANTITIES):
            nouns.pop(0)
        actions = [token.lemma for token in self._gerunds if _acts(token, head)]
        purposes = [token.word for token in self._gerunds if token.lemma in lex.PURPOSES and token.lemma not in actions]
        if head in lex.PEOPLE:
            colours = [name for name in colours if name not in _NEUTRAL_WITH_PEOPLE]
        plural = self._nouns[-1].form == "plural"
        return Mention(purposes + nouns, plural, False, self._absent, list(colours), actions)


def _acts(gerund: Token, head: str) -> bool:
    """"a smiling woman" smiles and "crashing waves" crash; a swimming pool does not swim."""
    return speech.animate(head) or (head in lex.MOVING_THINGS and gerund.lemma in lex.DEEDS_OF_THINGS)
