"""A part-of-speech tagger for image captions: a lexicon, the forms of its verbs, and rules on a word's neighbours.

Captions are a narrow language (noun phrases, present tense, no questions), so the choice that matters is noun against
verb ("a run", "dogs run", "swimming pool", "is swimming"), and the neighbours decide it. Words outside the lexicon are
guessed from ending and place. One pass, no model file; time is linear in the length of the text.

Tags: D determiner, J adjective, C colour, N noun, M -ing form before a noun, V verb, B be/have/do/modal, T infinitive
"to", I preposition, R adverb, P pronoun, W relative pronoun, S subordinator, K conjunction, E existential "there",
O possessive "'s", Z negation, X punctuation.
"""

import re
from dataclasses import dataclass
from functools import cache

from captioning import lexicon as lex

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|'s\b|\d+|[.,;:!?\"()]")
_QUOTED = re.compile(r'"[^"]{0,120}"|“[^”]{0,120}”')
_VOWELS = frozenset("aeiou")


@dataclass(frozen=True, slots=True)
class Token:
    """`lemma` is the base form; `form` of a verb is base, s, ing or ed, of a noun singular or plural."""

    word: str
    tag: str
    lemma: str
    form: str = ""


def tag(text: str) -> list[Token]:
    """Tag every word of `text`; words inside double quotes (a shirt's slogan) are left out."""
    words = split(_QUOTED.sub(" ", text))
    tokens: list[Token] = []
    state = _Clause()
    for place in range(len(words)):
        token = _choose(words, place, tokens, state)
        state.take(token)
        tokens.append(token)
    return tokens


def split(text: str) -> list[str]:
    """Lower-case words and punctuation; "dog's" and "light-blue" come apart, "t-shirt" does not."""
    words: list[str] = []
    for word in _WORD.findall(text.lower().replace("’", "'")):
        if word.endswith("'s") and word != "'s":
            words += [word[:-2], "'s"]
        elif "-" in word and _coloured(word):
            words += [part for part in word.split("-") if part]
        else:
            words.append(word)
    return words


def known(word: str) -> bool:
    """Whether `word` is evidence that the text is English."""
    return (
        word in _CLOSED
        or word in lex.COLOURS
        or word in lex.ADJECTIVES
        or word in lex.ADVERBS
        or noun_base(word) in _THINGS
        or bool(_forms().get(word))
        or (len(word) > 5 and word.endswith("ing"))
    )


def noun_base(word: str) -> str:
    """The singular: women → woman, puppies → puppy; jeans stay jeans."""
    if word in lex.IRREGULAR_NOUNS:
        return lex.IRREGULAR_NOUNS[word]
    if word in lex.PLURAL_ONLY or not word.endswith("s") or word.endswith(("ss", "us", "is")) or len(word) < 4:
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word[:-1]


def verb_base(word: str) -> tuple[str, str] | None:
    """(base, form) of a verb form, or None; an unlisted -ing word is taken for a verb."""
    found = _forms().get(word)
    if found or not word.endswith("ing") or len(word) < 6 or word in lex.ING_NOUNS:
        return found
    return _guess_base(word[:-3]), "ing"


def part(word: str) -> str:
    """The noun in "haired", "eyed", "floored"; "" where there is none."""
    if word in lex.PARTS or not word.endswith("ed"):
        return lex.PARTS.get(word, "")
    stem = word[:-2]
    return stem if stem in lex.NOUNS and word not in _forms() and word not in lex.ADJECTIVES else ""


def animate(lemma: str) -> bool:
    """Whether the noun names a person or an animal; -er, -or, -ist and -man are people unless listed otherwise."""
    if lemma in lex.PEOPLE or lemma in lex.ANIMALS:
        return True
    return lemma.endswith(("er", "or", "ist", "man", "woman")) and len(lemma) > 4 and lemma not in _NOT_AGENTS


class _Clause:
    """What the words so far say about the clause: is its subject plural, has it a finite verb?"""

    def __init__(self) -> None:
        self.finite = self.any_verb = self.plural = self.joined = self.owed = self.counted = False
        self.last = self.conjunct = self.verb = Token("", "X", "")

    def take(self, token: Token) -> None:
        if token.tag in "SW" or token.word in ".;":
            # "a man who rides waves": after the relative clause's verb the main one is still owed.
            self.owed = token.tag == "W" and not self.finite
            self.finite = self.plural = self.joined = False
            self.any_verb = self.any_verb and token.tag == "W"
        elif token.tag == "K" or token.word == ",":
            self.joined, self.conjunct = True, self.last
        elif token.tag in "VB":
            finite = token.tag == "B" or token.form in ("s", "base") or token.lemma in lex.INTRANSITIVE
            finite = finite and token.form != "ing"
            self.finite, self.owed = (self.finite or finite) and not self.owed, self.owed and not finite
            self.joined, self.any_verb = False, self.any_verb or token.tag == "V"
            self.verb = token if token.tag == "V" else self.verb
        elif token.tag == "D":
            self.counted = token.word in lex.NUMERALS
        elif token.tag == "N":
            self.plural = self.plural or token.form == "plural" or (self.joined and not self.any_verb)
        self.counted = self.counted and token.tag in "DJCM"
        self.last = token


def _choose(words: list[str], place: int, before: list[Token], clause: _Clause) -> Token:
    word = words[place]
    following = words[place + 1] if place + 1 < len(words) else ""
    previous = _before(before)
    for rule in (_closed, _coloured_word, _gerund, _verb_form, _described):
        token = rule(word, following, words[place + 2] if place + 2 < len(words) else "", previous, clause)
        if token is not None:
            return token
    return _noun(word, clause.counted)


def _before(before: list[Token]) -> Token:
    """The token that decides: adverbs and negations between it and the word do not count."""
    for token in reversed(before[-3:]):
        if token.tag not in "RZ":
            return token
    return Token("", "X", "")


def _closed(word: str, following: str, after: str, previous: Token, clause: _Clause) -> Token | None:
    if word == "'s":
        possessive = previous.tag == "N" and following not in lex.DETERMINERS and not following.endswith("ing")
        return Token(word, "O" if possessive else "B", "be")
    if word == "to":
        awaits = previous.lemma in lex.BEFORE_INFINITIVE
        return Token(word, "T" if _infinitive(following, after, awaits) else "I", word)
    if word == "there" and following in lex.BE:
        return Token(word, "E", word)
    if word == "that":
        return Token(word, "W" if previous.tag == "N" else "D", word)
    if word in ("after", "before", "until") and following in lex.PRONOUNS:
        return Token(word, "S", word)
    if word in lex.FLOATING and following.endswith("ing"):
        return Token(word, "P", word)
    if word in lex.PRONOUNS and (word not in lex.DETERMINERS or not _opens_noun(following)):
        return Token(word, "P", word)
    if word in ("left", "right", "lit", "back", "like") and previous.tag in "DO":
        return Token(word, "J" if _opens_noun(following) else "N", word)
    if word in ("can", "will", "might") and previous.tag in "DOJC":
        return _noun(word)
    for tag_, members in _CLASSES:
        if word in members:
            return Token(word, tag_, "be" if word in lex.BE else word)
    if word.isdigit():
        return Token(word, "D", word)
    return Token(word, "X", word) if not word[0].isalpha() else None


def _coloured_word(word: str, following: str, after: str, previous: Token, clause: _Clause) -> Token | None:
    if word not in lex.COLOURS:
        return None
    if word == "cream" and previous.word == "ice":
        return _noun(word)
    alone = not _opens_noun(following) and following not in ("and", ",")
    if word in lex.COLOUR_NOUNS and previous.tag == "D" and alone:
        return _noun(word)
    return Token(word, "C", lex.COLOURS[word])


def _gerund(word: str, following: str, after: str, previous: Token, clause: _Clause) -> Token | None:
    """-ing: a verb, a modifier ("swimming pool", "a smiling woman") or a plain noun ("the building")."""
    if not word.endswith("ing") or word in lex.VERBS:  # "swing" is a base form
        return None
    found = verb_base(word)
    if found is None:
        return _noun(word) if word in lex.ING_NOUNS else None
    verb = Token(word, "V", found[0], "ing")
    modifier = Token(word, "M", found[0], "ing")
    before_noun = _opens_noun(following) and following not in lex.DETERMINERS and following not in lex.COLOURS
    if previous.tag in "BTPWS":
        return verb
    joined = previous.tag == "N" and following not in lex.DETERMINERS
    if word in lex.ING_NOUNS and (previous.tag in "DOJCI" or joined):
        return _noun(word)
    if previous.tag in "DOJC" or (previous.tag == "X" and not previous.word):
        if before_noun:
            return modifier
        return verb if previous.tag in "CX" or following in lex.DETERMINERS else _noun(word)
    purpose = found[0] in lex.PURPOSES and before_noun
    if previous.tag == "I":
        return modifier if before_noun and (purpose or previous.word in ("of", "with", "in", "on", "near")) else verb
    if previous.tag == "V":
        return modifier if purpose and previous.lemma in ("wear", "use", "hold", "carry") else verb
    if previous.tag == "N" and found[0] in lex.DEED_KINDS.get(previous.lemma, ()) and before_noun:
        return modifier
    return verb


def _verb_form(word: str, following: str, after: str, previous: Token, clause: _Clause) -> Token | None:
    found = _forms().get(word)
    if found is None:
        return _unseen_verb(word, following, previous, clause)
    base, form = found
    noun_first = word in lex.ADJECTIVES or base in lex.NOUN_FIRST or noun_base(word) in _THINGS
    if form == "ed":
        return _past(word, base, following, previous)
    if _is_verb(word, found, noun_first, following, previous, clause):
        return Token(word, "V", base, form)
    return None if word in lex.ADJECTIVES else _noun(word)


def _is_verb(
    word: str, found: tuple[str, str], noun_first: bool, following: str, previous: Token, clause: _Clause
) -> bool:
    """Noun or verb, for a base or an -s form."""
    base, form = found
    ends = not _opens_noun(following) or following in lex.DETERMINERS or following.endswith("ing")
    if previous.tag in "TBPW":
        return previous.tag != "B" or (form == "base" and previous.word in lex.MODALS | lex.DO)
    thing = noun_base(word) in lex.NOUNS or noun_base(word) in lex.MOVING_THINGS
    if previous.tag == "C" and form == "s" and not clause.finite and not thing:
        return True  # "a man in black walks"
    if previous.tag in "DOJCMISEV" or (previous.tag == "X" and not clause.joined):
        return False
    if previous.tag == "K" or previous.word == ",":
        if not clause.any_verb and previous.word == "," and form == "base":
            return clause.plural and ends
        parallel = clause.any_verb and clause.verb.form == form
        return parallel and (not noun_first or clause.conjunct.tag in "VIR" or (ends and bool(following)))
    if form == "base" and ends and clause.verb.lemma in lex.PERCEPTION:
        return animate(previous.lemma) or (previous.lemma in lex.MOVING_THINGS and base in lex.DEEDS_OF_THINGS)
    if clause.finite and not clause.joined:
        return not noun_first and previous.form == ("plural" if form == "base" else "singular") and ends
    if form == "s":
        certain = not clause.any_verb or not noun_first or animate(previous.lemma)
        return certain or (ends and not thing)
    if previous.form == "plural":
        return True
    if not clause.plural or clause.finite:
        return False
    if not noun_first:
        return True
    return ends and not clause.any_verb and previous.lemma not in lex.COMPOUNDING


def _past(word: str, base: str, following: str, previous: Token) -> Token:
    """-ed and irregular past: an adjective before a noun, else a verb (active or passive is for the reader to say)."""
    before_noun = _opens_noun(following) and following not in lex.DETERMINERS
    listed = word in lex.ADJECTIVES
    describes = before_noun and (listed or not previous.word)
    if describes or (previous.tag in "DOJCIVK" and (before_noun or listed)):
        return Token(word, "J", word)
    if previous.tag in "DOJCI" and noun_base(word) in lex.NOUNS:
        return _noun(word)  # "the ground"
    return Token(word, "V", base, "ed")


def _unseen_verb(word: str, following: str, previous: Token, clause: _Clause) -> Token | None:
    """"a zebra grazes in": an unlisted -s word after a singular subject without a verb, where a verb must come."""
    if word in lex.ADJECTIVES or word in lex.ADVERBS or noun_base(word) in _THINGS or word in lex.PLURAL_ONLY:
        return None
    ends = following in _AFTER_VERBS
    if previous.form == "plural" and not clause.finite and animate(previous.lemma) and _base_like(word, ends):
        return Token(word, "V", word, "base")
    if word.endswith("ed") and len(word) > 4:
        if previous.tag in "NB" and (ends or following in lex.PREPOSITIONS):
            return Token(word, "V", _guess_base(word[:-2]), "ed")
        return Token(word, "J", word)
    if word == "s" or not word.endswith("s") or word.endswith("ss") or clause.finite or clause.any_verb or not ends:
        return None
    if previous.tag == "N" and previous.form == "singular" and animate(previous.lemma):
        return Token(word, "V", _third_person_base(word), "s")
    return None


def _base_like(word: str, ends: bool) -> bool:
    """"people partake in"."""
    return ends and word.isascii() and word.isalpha() and not word.endswith(("s", "ed", "ing", "ly", "er"))


def _described(word: str, following: str, after: str, previous: Token, clause: _Clause) -> Token | None:
    """Adjectives and adverbs, by list and by ending."""
    if word in lex.PEOPLE and (not _opens_noun(following) or following.endswith("ing")):
        return _noun(word)
    if word in lex.ADJECTIVES and not (word in lex.ADVERBS and previous.tag in "NVP"):
        return Token(word, "J", word)
    if word in lex.ADVERBS or (word.endswith("ly") and len(word) > 4 and noun_base(word) not in _THINGS):
        return Token(word, "R", word)
    if part(word):
        return Token(word, "J", word)
    if noun_base(word) in _THINGS:
        return None
    if any(word.removesuffix(end) in lex.ADJECTIVES for end in ("er", "est", "r", "st") if word.endswith(end)):
        return Token(word, "J", word)
    if previous.tag in "DO" and word not in _CLOSED and (following in lex.COLOURS or following in lex.ADJECTIVES):
        return Token(word, "J", word)
    adjectival = word.endswith(("ful", "ous", "ish", "less", "able", "ible", "like", "ic", "ical", "y"))
    if "-" in word and (word.endswith("ed") or word.rsplit("-", 1)[1] in lex.ADJECTIVES or word.endswith("ing")):
        return Token(word, "J", word)
    if adjectival and previous.tag in "DOJCI" and _opens_noun(following) and following not in lex.DETERMINERS:
        return Token(word, "J", word)
    return None


def _noun(word: str, counted: bool = False) -> Token:
    """`counted`: a number above one came before, so that "three woman" is a plural with a slip."""
    base = noun_base(word)
    plural = base != word or counted or word in ("sheep", "police")
    return Token(word, "N", base, "plural" if plural and word not in lex.PERSON_PRONOUNS else "singular")


def _infinitive(following: str, after: str, awaits: bool) -> bool:
    """"to catch" against "to water": a noun-first verb needs an object or a preposition behind it."""
    base, form = _forms().get(following, ("", ""))
    if form != "base":
        return False
    certain = awaits or (base not in lex.NOUN_FIRST and following not in lex.ADJECTIVES)
    return certain or (bool(after) and (after in lex.DETERMINERS or after in lex.PREPOSITIONS or after in lex.ADVERBS))


def _opens_noun(word: str) -> bool:
    """Whether a noun phrase may go on, or begin, with `word`."""
    if not word or not word[0].isalpha():
        return word.isdigit()
    if word in lex.DETERMINERS or word in lex.COLOURS or word in lex.ADJECTIVES or noun_base(word) in _THINGS:
        return word not in lex.PREPOSITIONS and word not in lex.ADVERBS
    found = _forms().get(word)
    if found:
        return found[0] in lex.NOUN_FIRST or found[1] in ("ing",)
    return word not in _CLOSED and word not in lex.ADVERBS and not word.endswith("ly")


def _coloured(word: str) -> bool:
    """Whether a hyphenated word holds a colour: "light-blue", "black-and-white", "brown-haired"."""
    return any(part in lex.COLOURS for part in word.split("-"))


@cache
def _forms() -> dict[str, tuple[str, str]]:
    """Every form of every listed verb → (base, form). About 3,000 entries, built at the first caption."""
    table: dict[str, tuple[str, str]] = {}
    for base in sorted(lex.VERBS):
        for form, words in _conjugate(base).items():
            for word in words:
                table.setdefault(word, (base, form))
    for base in lex.VERBS:
        table[base] = (base, "base")
    for word, base in lex.IRREGULAR_VERBS.items():
        if word not in lex.VERBS or word == "saw":
            form = "ing" if word.endswith("ing") else "s" if word.endswith("s") else "ed"
            table[word] = (base, form)
    return table


def _conjugate(base: str) -> dict[str, list[str]]:
    stem, third = base, base + "s"
    if base.endswith(("s", "sh", "ch", "x", "z", "o")):
        third = base + "es"
    elif base.endswith("y") and base[-2] not in _VOWELS:
        third, stem = base[:-1] + "ies", base[:-1] + "i"
    dropped = base[:-1] if base.endswith("e") and not base.endswith(("ee", "ye", "oe")) else base
    past = [base + "d"] if base.endswith("e") else [stem + "ed"]
    present = [dropped + "ing"]
    if _doubles(base):
        doubled = [base + base[-1] + "ed"], [base + base[-1] + "ing"]
        several = len(re.findall("[aeiouy]+", base)) > 1
        past, present = (past + doubled[0], present + doubled[1]) if several else doubled
    return {"s": [third], "ing": present, "ed": past}


def _doubles(base: str) -> bool:
    return len(base) > 2 and base[-1] not in "aeiouwxyh" and base[-2] in _VOWELS and base[-3] not in _VOWELS


def _guess_base(stem: str) -> str:
    """The base of an unlisted verb from its stem without -ing or -ed: "grazz" → "graz", "grac" → "grace"."""
    for base in (stem, stem + "e", stem[:-1]):
        if base in lex.VERBS:
            return base
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz":
        return stem[:-1]
    short = re.fullmatch("[^aeiou]+[aeiou][bcdfgklmnprstvz]", stem) is not None  # a lone vowel would double: "lin(e)"
    silent = short or stem[-1:] in ("v", "z", "c", "u", "s") or stem.endswith(("dg", "rg", "at", "bl", "tl", "gl"))
    return stem + "e" if silent and not stem.endswith("ss") else stem


def _third_person_base(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "sses", "xes")) else word[:-1]


_CLASSES: tuple[tuple[str, frozenset[str]], ...] = (
    ("Z", lex.NEGATIONS), ("B", lex.BE | lex.HAVE | lex.DO | lex.MODALS), ("S", lex.SUBORDINATORS),
    ("W", lex.RELATIVES), ("K", lex.CONJUNCTIONS), ("P", lex.OBJECT_PRONOUNS - lex.DETERMINERS),
    ("D", lex.DETERMINERS), ("I", lex.PREPOSITIONS),
)  # fmt: skip
_CLOSED = frozenset().union(*(members for _, members in _CLASSES), lex.PRONOUNS, lex.PERSON_PRONOUNS, ("to", "there"))
_AFTER_VERBS = lex.PREPOSITIONS | lex.DETERMINERS | lex.PRONOUNS | lex.OBJECT_PRONOUNS | {"", ".", "to"}
_THINGS = lex.NOUNS | lex.PEOPLE | lex.ANIMALS | lex.UNSEEN | lex.ING_NOUNS | lex.MOVING_THINGS | lex.QUANTITIES
_NOT_AGENTS = lex.INANIMATE_ER | lex.NOUNS | lex.MOVING_THINGS | lex.UNSEEN
