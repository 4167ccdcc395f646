"""Who does what in a caption: gives each verb of the tagged words to its subject, in one pass."""

from captioning import lexicon as lex
from captioning.phrases import Mention, Phrase
from captioning.speech import Token

_WITHOUT_AGENT = frozenset(("surround", "cover", "fill", "crowd", "attach", "tie", "park", "light"))
_NO_ACTION = frozenset(("be", "have", "do"))


class Reader:
    """Goes over the tokens once; what it keeps is who the next verb belongs to."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at = tokens, 0
        self.mentions: list[Mention] = []
        self.subject: list[Mention] = []  # whose verb comes next
        self.main: list[Mention] = []  # the subject of the last finite verb
        self.doer: list[Mention] = []  # the subject of the last verb of any form
        self.last: list[Mention] = []  # the noun phrase just read
        self.outer: list[Mention] | None = None  # the subject that waits while a relative clause lasts
        self.pending: list[str] = []  # actions and colours read before any subject: "Wearing a hat, a man …"
        self.agent_of: str | None = None  # a passive's action, until "by" and its agent come
        self.before, self.joined = "", ""  # the kind of the last chunk, and of the chunk before a conjunction
        self.verb, self.preposition = "", ""
        self.has_verb = self.has_finite = self.negated = self.being = self.having = False

    def read(self) -> list[Mention]:
        steps = {
            "V": self._verb, "B": self._auxiliary, "P": self._pronoun, "W": self._relative, "K": self._conjunction,
            "X": self._punctuation, "S": self._subordinator, "I": self._preposition, "Z": self._negation,
            "E": self._there, "T": self._to,
        }  # fmt: skip
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.tag in "DJCNM" and self._noun_phrase():
                continue
            self.at += 1
            if token.tag in steps:
                steps[token.tag](token)
        return self.mentions

    # Noun phrases

    def _noun_phrase(self) -> bool:
        """Read one noun phrase, or a colour on its own; False where there is neither."""
        phrase = Phrase(self.tokens, self.at)
        if phrase.end == self.at:
            return False
        self.at = phrase.end
        for owner in phrase.owners:
            self.mentions.append(owner)
        if not phrase.mentions:
            if phrase.colours:
                self._bare_colours(phrase.colours)
            elif self.before == "K" or phrase.only_determiner:
                self._pronoun(phrase.last_token)
            return True
        for mention in phrase.mentions:
            mention.absent = mention.absent or self.negated or self._without()
            mention.described = mention.described or (self.verb == "wear" and self.before == "V")
        self.negated = False
        self.mentions += phrase.mentions
        self._place(phrase.mentions)
        return True

    def _without(self) -> bool:
        return self.preposition == "without" and self.before == "I"

    def _place(self, group: list[Mention]) -> None:
        """Decide what a noun phrase is: the subject of what follows, or an object."""
        if self.agent_of and self.before == "I" and self.preposition == "by":
            _act([mention for mention in group if mention.moves], self.agent_of)
            self.agent_of, self.last = None, group
        elif self.before == "V" or (self.before == "I" and (self.subject or not self._verb_follows(finite=True))):
            self.last = group
        elif self.before in ("K", ",") and self.subject:
            self._coordinate(group)
        elif self.before == "N" and self.subject and not self._verb_follows(finite=True):
            self.last = group
        elif self.before == "B":
            self.last = group
            if not self.subject:
                self._begin(group)
        else:
            self._begin(group)
        self.before = "N"
        self.being = self.having = False

    def _coordinate(self, group: list[Mention]) -> None:
        if not self.has_verb:
            if self.joined != "C" and (self.last == self.subject or _alike(group, self.subject)):
                self.subject = self.subject + group
                self.last = self.subject
            else:
                self.last = self.last + group
        elif not self.has_finite and self.subject[0].animate and not group[0].animate:
            self.last = self.last + group  # "a man wearing a cross and a hat is standing"
        elif self._opens_clause(group[0]):
            self._begin(group)
        else:
            self.last = self.last + group

    def _opens_clause(self, mention: Mention) -> bool:
        if self._verb_follows(finite=True) or (mention.moves and self._verb_follows(finite=False)):
            return True
        return mention.animate and (self._joins_subject_ahead() or (self.has_finite and self._clause_ahead()))

    def _begin(self, group: list[Mention]) -> None:
        """`group` is the subject of a new clause."""
        self.subject, self.last, self.has_verb, self.has_finite = group, group, False, False
        for action in self.pending:
            if action.startswith("colour "):
                group[0].colours.append(action.removeprefix("colour "))
            else:
                _act(group, action)
        if self.pending:
            self.doer = group
        self.pending = []

    def _verb_follows(self, finite: bool) -> bool:
        """Whether a verb stands right behind, past adverbs."""
        for token in self.tokens[self.at : self.at + 3]:
            if token.tag in "RZ":
                continue
            if token.tag == "B":
                return True
            return token.tag == "V" and (token.form != "ing") == finite and not (finite and token.form == "ed")
        return False

    def _joins_subject_ahead(self) -> bool:
        """"… and another man and woman waiting": a conjunct, then a verb, stand behind."""
        place = self.at
        if place >= len(self.tokens) or self.tokens[place].tag != "K":
            return False
        place += 1
        while place < len(self.tokens) and self.tokens[place].tag in "DJCN":
            place += 1
        return place < len(self.tokens) and self.tokens[place].tag in "VB"

    def _clause_ahead(self) -> bool:
        """"… and the woman in a coat sits": a finite verb behind one prepositional phrase."""
        place, phrase = self.at, self.tokens[self.at : self.at + 1]
        if not phrase or phrase[0].tag != "I":
            return False
        place += 1
        while place < len(self.tokens) and self.tokens[place].tag in "DJCNM":
            place += 1
        behind = self.tokens[place] if place < len(self.tokens) else phrase[0]
        return behind.tag == "B" or (behind.tag == "V" and behind.form in ("s", "base"))

    def _bare_colours(self, colours: list[str]) -> None:
        """"is red", "wearing red", "in black": a colour without a noun."""
        wears = self.verb in ("wear", "dress") and self.before in ("V", "I", "N")
        targets = self.subject
        if wears and self.doer:
            targets = self.doer
        elif self.before == "I":
            targets = self.last if self.last and self.last[-1].animate else self.subject
            if self.preposition != "in":
                targets = []
        if not targets and not self.subject:
            self.pending += [f"colour {name}" for name in colours]
        for mention in targets:
            mention.colours += [name for name in colours if name not in mention.colours]

    # Verbs

    def _verb(self, token: Token) -> None:
        who = self._who(token)
        passive = self._passive(token)
        if passive:
            self.agent_of = None if token.lemma in _WITHOUT_AGENT or self.negated else token.lemma
        elif not self.negated and token.lemma not in _NO_ACTION:
            self.agent_of = None
            if who:
                _act(who, token.lemma)
            else:
                self.pending.append(token.lemma)
        if self._finite(token):
            self.main, self.has_finite = who, True
        self.has_verb = self.has_verb or self._finite(token) or (self.before == "N" and who == self.subject)
        self.negated = self.negated and token.lemma in ("wear", "have", "hold", "carry", "use")
        self.doer, self.verb, self.before = who, token.lemma, "V"
        self.being = self.having = False

    def _who(self, token: Token) -> list[Mention]:
        """Whose action a verb is."""
        if self.before == "T":
            return self.doer or self.subject
        if self._finite(token):
            if self.before == "K" and self.has_verb:
                return self.main or self.doer or self.subject
            if self.has_verb and self.outer is not None and self.before != "B":
                self.subject, self.outer = self.outer, None
            if self.has_verb and self.before == "N" and token.form == "base" and self.verb in lex.PERCEPTION:
                return self.last
            return self.subject
        if self.before == "K":
            return self.doer or self.subject
        if self.before == "N" and self.last and self.last is not self.subject:
            return self._participle_subject(token)
        if self.before in (",", "S"):
            return self.main or self.subject
        return self.doer if self.before in ("V", "I") and self.doer and self.has_verb else self.subject

    def _participle_subject(self, token: Token) -> list[Mention]:
        """"a man with a dog running" is the dog; "a man in a hat running" the man; "waves crashing" the waves."""
        nearest = self.last[-1]
        if nearest in self.subject:
            return self.subject
        if nearest.animate or (nearest.moves and token.lemma in lex.DEEDS_OF_THINGS):
            return self.last
        return self.doer if self.has_verb and self.doer else self.subject

    def _passive(self, token: Token) -> bool:
        if token.form != "ed" or self.having or token.lemma in lex.POSTURES:
            return False
        if self.being or token.word in lex.PURE_PARTICIPLES:
            return True
        following = self.tokens[self.at].tag if self.at < len(self.tokens) else "X"
        if self.at < len(self.tokens) and self.tokens[self.at].word in ("by", "at"):
            return self.tokens[self.at].word == "by"
        irregular_past = token.word in lex.IRREGULAR_VERBS
        return not irregular_past and token.lemma not in lex.INTRANSITIVE and following not in "DPCJNO"

    def _finite(self, token: Token) -> bool:
        return self.being or self.before == "B" or (token.form in ("s", "base") and self.before != "T") or (
            token.form == "ed" and self.before in ("N", "W", "P", "K") and not self._passive(token)
        )

    def _auxiliary(self, token: Token) -> None:
        if self.has_verb and self.outer is not None and self.before == "N":
            self.subject, self.outer = self.outer, None
        if self.before == "K" and self.main:
            self.subject = self.main
        self.being = self.being or token.lemma == "be"
        self.having = token.word in lex.HAVE
        self.has_verb = self.has_verb or token.word != "being"
        if token.word == "having" or (self.before == "N" and token.word == "being" and self.last is not self.subject):
            self.doer = self.subject
        else:
            self.main = self.doer = self.subject
            self.has_finite = True
        self.verb, self.before = token.lemma, "B"

    # The small words

    def _pronoun(self, token: Token) -> None:
        """A pronoun in the place of a subject takes up the clause's subject again; as an object it is nothing new."""
        opens = self._verb_follows(finite=True) or self._verb_follows(finite=False)
        if opens and self.before not in ("B", "T"):
            known = self.main or self.doer or self.subject
            if token.word in ("others", "other", "i", "we", "you"):
                known = [Mention(["other"], absent=True)]
            if token.word in ("he", "she", "one", "another"):
                known = [mention for mention in known if mention.animate] or known
            elif token.word == "it" and self.last and not self.last[-1].animate and self.before != "S":
                known = self.last
            if known:
                self.subject, self.has_verb = known, False
        self.last, self.before = [], "N"

    def _relative(self, token: Token) -> None:
        """who → the nearest living thing, which and that → what stands before."""
        antecedent = self.last
        if token.word in ("who", "whom") and not (antecedent and antecedent[-1].animate):
            living = [mention for mention in self.mentions if mention.animate]
            antecedent = self.subject if any(each.animate for each in self.subject) else living[-1:]
        if antecedent and self.outer is None and antecedent is not self.subject and not self.has_verb:
            self.outer = self.subject
        if antecedent:
            self.subject, self.has_verb = antecedent, False
        self.before = "W"

    def _conjunction(self, token: Token) -> None:
        self.joined = self.before
        self.before = "K"

    def _punctuation(self, token: Token) -> None:
        self.being = self.having = self.negated = False
        self.agent_of = None
        if token.word == ",":
            self.joined, self.before = self.before, ","
        elif token.word in ".;:!?":
            self.before, self.subject, self.has_verb, self.outer, self.pending = "", [], False, None, []

    def _subordinator(self, token: Token) -> None:
        self.before, self.outer, self.being, self.having = "S", None, False, False

    def _preposition(self, token: Token) -> None:
        self.being = self.having = False
        self.preposition, self.before = token.word, "I"

    def _negation(self, token: Token) -> None:
        self.negated = True

    def _there(self, token: Token) -> None:
        """"there is": what follows is the subject."""
        if self.at < len(self.tokens) and self.tokens[self.at].tag == "B":
            self.at += 1
        self.before, self.has_verb, self.subject = "", False, []

    def _to(self, token: Token) -> None:
        self.before = "T"


def _act(who: list[Mention], action: str) -> None:
    for mention in who:
        if action not in mention.actions:
            mention.actions.append(action)


def _alike(group: list[Mention], other: list[Mention]) -> bool:
    return group[0].animate and other[-1].animate
