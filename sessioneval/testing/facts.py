"""A small table of general facts, to see whether a text states one of them wrongly."""

import re
from dataclasses import dataclass

from sessioneval.testing.sentences import asserted

_NAME = r"(?P<value>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)"
_WORD = r"(?P<value>[\w,.]*\w)"
_CAPITALS = {
    "France": "Paris",
    "Germany": "Berlin",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Japan": "Tokyo",
    "Egypt": "Cairo",
    "Canada": "Ottawa",
    "Australia": "Canberra",
    "Kenya": "Nairobi",
    "China": "Beijing",
}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A fact that a sentence can state.

    Attributes:
        about: Words that a sentence about it holds, in lower case; looked for first, since patterns are slow.
        says: The fact in words.
        pattern: Finds a sentence about it; the group `value` is what the sentence says.
        right: Values that are right, in lower case; numbers have to be said whole, words at least begin so.
        unless: A sentence with this in it is about something else.
    """

    about: str
    says: str
    pattern: re.Pattern[str]
    right: tuple[str, ...]
    unless: re.Pattern[str] | None = None

    def contradicted_by(self, sentence: str) -> bool:
        """Whether a sentence states the fact with a wrong value.

        Example:
            >>> FACTS[0].says, FACTS[0].contradicted_by("The capital of France is Lyon.")
            ('the capital of France is Paris', True)
        """
        found = self.pattern.search(sentence) if self.about in sentence.lower() else None
        if not found or (self.unless and self.unless.search(sentence)):
            return False
        said = found["value"].lower().replace(",", "").split()
        return not any(_is(word, right) for word in said for right in self.right)


def _is(word: str, right: str) -> bool:
    return word.startswith(right) if right.isalpha() else word == right


def _capital(country: str, capital: str) -> list[Fact]:
    about, says = country.lower(), f"the capital of {country} is {capital}"
    of = rf"capital(?: city)? of {country}"
    # The capital is a proper name: "is a beautiful city" and "It is the capital" state no other one.
    return [
        Fact(about=about, says=says, pattern=re.compile(rf"[Cc]{of[1:]} is {_NAME}"), right=(capital.lower(),)),
        Fact(
            about=about,
            says=says,
            pattern=re.compile(rf"\b(?!It |This |That |Which |Today |The ){_NAME} is the {of}"),
            right=(capital.lower(),),
        ),
    ]


def _fact(about: str, says: str, pattern: str, *right: str, unless: str = "") -> Fact:
    excuse = re.compile(unless, re.IGNORECASE) if unless else None
    return Fact(about=about, says=says, pattern=re.compile(pattern, re.IGNORECASE), right=right, unless=excuse)


FACTS: tuple[Fact, ...] = (
    *(fact for country, capital in _CAPITALS.items() for fact in _capital(country, capital)),
    _fact(
        "boil",
        "water boils at 100 degrees Celsius (212 Fahrenheit) at sea level",
        rf"(?:water boils at|boiling point of water(?: at sea level)? is)(?: about| around| exactly)? {_WORD}"
        r" ?(?:°|degrees?)",
        "100",
        "212",
        "373",
        unless=r"altitude|mountain|pressure|everest|salt",
    ),
    _fact(
        "freez",
        "water freezes at 0 degrees Celsius (32 Fahrenheit)",
        rf"(?:water freezes at|freezing point of water is)(?: about| exactly)? {_WORD} ?(?:°|degrees?)",
        "0",
        "zero",
        "32",
        "273",
        unless=r"salt|pressure",
    ),
    _fact(
        "water", "the formula of water is H2O", rf"(?:formula (?:of|for) water is|water is written as) {_WORD}", "h2o"
    ),
    _fact(
        "photosynthesis",
        "photosynthesis takes in carbon dioxide and water",
        r"photosynthesis (?:uses|takes in|needs|consumes|absorbs) (?P<value>oxygen|nitrogen|sugar|glucose|carbon|water)\b",
        "carbon",
        "water",
    ),
    _fact(
        "photosynthesis",
        "photosynthesis gives off oxygen",
        r"photosynthesis (?:releases|gives off|emits) (?P<value>carbon dioxide|nitrogen|hydrogen|methane|oxygen)\b",
        "oxygen",
    ),
    _fact(
        "planet",
        "the planet closest to the Sun is Mercury",
        rf"planet (?:closest|nearest) to the sun is {_WORD}",
        "mercury",
    ),
    _fact(
        "planet",
        "the largest planet is Jupiter",
        rf"(?:largest|biggest) planet(?: in (?:our|the) solar system)? is {_WORD}",
        "jupiter",
    ),
    _fact(
        "planets",
        "the solar system has 8 planets",
        rf"(?:solar system has|there are) {_WORD} planets(?: in (?:our|the) solar system)?",
        "8",
        "eight",
        unless=r"used to|dwarf|inner|outer|gas|rocky",
    ),
    _fact(
        "sun",
        "the Earth goes around the Sun",
        r"\bsun (?:orbits|goes around|revolves around|moves around|circles) the (?P<value>earth|moon|centre|center|galaxy)",
        "centre",
        "center",
        "galaxy",
        unless=r"seems|appears|believed|thought",
    ),
    _fact(
        "triangle",
        "the angles of a triangle add up to 180 degrees",
        rf"angles (?:of|in) a triangle (?:add up|sum) to {_WORD}",
        "180",
    ),
    _fact("week", "a week has 7 days", rf"\ba week has {_WORD} days", "7", "seven"),
    _fact("hour", "an hour has 60 minutes", rf"\ban hour has {_WORD} minutes", "60", "sixty"),
    _fact("leap year", "a leap year has 366 days", rf"leap year has {_WORD} days", "366"),
    _fact("spider", "a spider has 8 legs", rf"spiders? ha(?:s|ve) {_WORD} legs", "8", "eight"),
    _fact("insect", "an insect has 6 legs", rf"insects? ha(?:s|ve) {_WORD} legs", "6", "six"),
    _fact(
        "chromosomes",
        "a human cell has 46 chromosomes",
        rf"(?:humans?|human cells?) ha(?:s|ve) {_WORD} chromosomes",
        "46",
        unless="sperm|egg",
    ),
    _fact(
        "french revolution",
        "the French Revolution began in 1789",
        rf"french revolution (?:began|started|broke out) in {_WORD}",
        "1789",
    ),
    _fact(
        "bastille",
        "the Bastille was stormed in 1789",
        rf"bastille was stormed (?:in|on)(?: \d+)?(?: july)?(?: \d+,)? ?{_WORD}",
        "1789",
    ),
    _fact(
        "war",
        "the Second World War ended in 1945",
        rf"(?:second world war|world war ii|world war 2) ended in {_WORD}",
        "1945",
    ),
    _fact(
        "moon landing",
        "people first walked on the Moon in 1969",
        rf"(?:first )?moon landing (?:was|took place|happened) in {_WORD}",
        "1969",
    ),
    _fact(
        "speed of light",
        "the speed of light is about 300,000 kilometres a second",
        rf"speed of light is(?: about| roughly| around)? {_WORD} (?:km|kilomet)",
        "300000",
        "299792",
        "299792.458",
    ),
)


def contradicted_facts(text: str) -> list[tuple[Fact, str]]:
    """Return each fact that a text states wrongly, with the sentence that does."""
    return [(fact, sentence) for sentence in asserted(text) for fact in FACTS if fact.contradicted_by(sentence)]
