"""Display names: what people may call themselves, and when two names are the same.

Source: docs/protocol.md, "The own user".
"""

import re
import unicodedata
from enum import Enum
from itertools import groupby

NAME_MIN = 3  #: characters
NAME_MAX = 32
MARKS_MAX = 2  #: in a row; scripts that need accents on accents need no more
BOT_NAME = "bot:"  #: what the names of bots begin with, and nobody else's

#: Letters and symbols that show as nothing: the general category does not tell them apart.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]")


#: Characters before they are composed, which takes the square of them.
RAW_MAX = 500


class NameFault(Enum):
    """Why a text cannot be a display name."""

    LENGTH = f"must have {NAME_MIN} to {NAME_MAX} characters"
    CHARACTER = "must consist of printable characters and single spaces"
    MARKS = f"must not have more than {MARKS_MAX} accents in a row"
    WORD = "must have a letter or a digit"
    BOT = f"must not begin with {BOT_NAME} as those of bots do"


def display_name(text: str) -> str | NameFault:
    """*text* as a display name: without space around it, composed (NFC), runs of spaces as one."""
    if len(text) > RAW_MAX:
        return NameFault.LENGTH
    name = re.sub(" +", " ", unicodedata.normalize("NFC", text).strip())
    if not NAME_MIN <= len(name) <= NAME_MAX:
        return NameFault.LENGTH
    if not all(map(_is_shown, name)):
        return NameFault.CHARACTER
    if any(run > MARKS_MAX for run in _marks(name)):
        return NameFault.MARKS
    if name_key(name).startswith(BOT_NAME):
        return NameFault.BOT
    return name if any(map(str.isalnum, name)) else NameFault.WORD


def name_key(name: str) -> str:
    """What two names have in common if one could be taken for the other by case or width."""
    # Folded twice: folding may undo the composition, and composing may bring back what folds.
    once = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", once).casefold()


def _is_shown(character: str) -> bool:
    # C: controls, what turns the direction of text, what joins, what is not assigned;
    # Z: all that separates.
    return character == " " or (
        unicodedata.category(character)[0] not in "CZ" and not _BLANK.match(character)
    )


def _marks(name: str) -> list[int]:
    """How long the runs of combining marks are."""
    runs = groupby(name, lambda character: unicodedata.category(character)[0] == "M")
    return [len(list(run)) for is_mark, run in runs if is_mark]
