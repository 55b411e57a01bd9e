"""Phrases by which people ask for a person, correct the assistant and close a talk, in eight languages.

Patterns are matched against sentences that are case folded, NFKC normalised and have straight apostrophes
(`wording.sentences`). They are written to miss rather than to find too much, and hold no nested repeats, so a
hostile text costs linear time. English is covered best, then German, French, Spanish, Italian, Portuguese and
Dutch; Chinese and Japanese by a few fixed phrases.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple


class Ask(NamedTuple):
    """A sentence asks if it holds a verb and a person; a sentence that refuses does not."""

    verbs: re.Pattern[str]
    persons: re.Pattern[str]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_REAL_PERSON_EN = (
    r"(?<!not )(?<!non-)\bhumans?\b(?! resources| rights| error)",
    r"\b(?:real|actual|live|human|another) (?:person|human|agent|being|representative|operator|rep)\b",
    r"\b(?:customer (?:service|support|care)|service|support|sales) (?:rep|representative|agent|person)\b",
    r"\b(?<!sales )representatives?\b",
    r"\bsomeone (?:real|else|in charge|who can (?:actually )?help)\b",
)
_PERSON_EN = (
    *_REAL_PERSON_EN,
    r"(?<!my )\b(?:agent|operator|supervisor|manager|person|advisor|adviser|colleague|specialist)\b",
    r"\b(?:someone|somebody)\b",
)

ASKS: tuple[Ask, ...] = (
    Ask(
        _any(
            r"\b(?:speak|talk|chat) (?:directly )?(?:to|with)\b",
            r"\b(?:connect|transfer|escalate|forward|hand|put|pass|switch) (?:me|us|this|it)\b",
            r"\b(?:connected|transferred|escalated) to\b",
        ),
        _any(*_PERSON_EN),
    ),
    Ask(
        _any(r"\b(?:i|we) (?:really |just )?(?:want|need|demand|'d like|would like)\b", r"\b(?:get|give) me\b"),
        _any(*_REAL_PERSON_EN),
    ),
    Ask(
        _any(r"\b(?:sprechen|reden|verbinde[nt]?|weiterleiten|durchstellen|telefonieren|chatten)\b"),
        _any(
            r"\b(?:mit|zu|an) (?:einem|einer|ihrem|ihrer|dem|den|der)? ?(?:echten |richtigen |menschlichen )?"
            r"(?:menschen|mitarbeiter(?:in)?|berater(?:in)?|vorgesetzten|kollegen|person|kundenbetreuer(?:in)?)\b"
        ),
    ),
    Ask(
        _any(
            r"\b(?:parler|discuter|joindre|contacter|passez|passer|transferez|transférez|transférer|mettre en relation)\b"
        ),
        _any(
            r"\b(?:un|une|quelqu'un|d'un|votre) ?(?:vrai |vraie |autre )?"
            r"(?:humain|être humain|conseiller|conseillère|agent|personne|responsable|opérateur|superviseur)\b",
            r"\bquelqu'un\b",
        ),
    ),
    Ask(
        _any(
            r"\b(?:hablar|comunicarme|comuníqueme|comunicame|transfiérame|transfiere|transferirme|pásame|páseme|contactar)\b"
        ),
        _any(
            r"\b(?:persona|humano|agente|representante|operador|operadora|supervisor|supervisora|alguien|encargado)\b"
        ),
    ),
    Ask(
        _any(r"\b(?:parlare|passarmi|passatemi|passami|trasferitemi|trasferirmi|contattare)\b"),
        _any(r"\b(?:persona|umano|operatore|operatrice|responsabile|agente|addetto|qualcuno)\b"),
    ),
    Ask(
        _any(r"\b(?:falar|conversar|transferir|transfira|transfere|passar)\b"),
        _any(r"\b(?:pessoa|humano|atendente|operador|operadora|representante|supervisor|agente|alguém)\b"),
    ),
    Ask(
        _any(r"\b(?:spreken|praten|doorverbinden|doorverbonden|verbinden)\b"),
        _any(r"\b(?:mens|medewerker|persoon|iemand|leidinggevende|collega)\b"),
    ),
)

# The whole message, or a phrase that says it all.
ASKS_AT_ONCE = _any(
    r"^(?:an? )?(?:human|real person|live person|human agent|live agent|agent|representative|operator|supervisor)"
    r"(?:,? please)?[.!]*$",
    r"转人工|人工客服|人工服务|真人客服",
    r"(?:担当者|オペレーター|人間)(?:と|に)(?:話|つない|代わ|繋)",
)

REFUSES = _any(
    r"\b(?:don't|do not|dont|didn't|without|no need|rather not|never|instead of)\b",
    r"\b(?:nicht|kein|keinen|keine|ohne)\b",
    r"\b(?:ne|n'|pas|sans)\b",
    r"\b(?:no quiero|sin)\b",
    r"\b(?:non|senza)\b",
    r"\b(?:não quero|sem)\b",
    r"\b(?:niet|geen|zonder)\b",
)

CORRECTS = _any(
    r"\b(?:that|this|it)(?:'s| is| was) (?:still |just |simply |also |completely )?(?:not (?:right|correct|true|what i|accurate)"
    r"|wrong|incorrect|false)\b",
    r"\b(?:that|this|it) (?:isn't|wasn't) (?:right|correct|true|what i|accurate)\b",
    r"\b(?:you're|you are|you were) (?:still )?(?:wrong|mistaken|incorrect)\b",
    r"\byou (?:misunderstood|misread|misheard|got (?:it|that|this|me) wrong|made an? (?:mistake|error)"
    r"|didn't (?:listen|understand|answer|read)|did not (?:listen|understand|answer|read))\b",
    r"\bnot what i (?:asked|said|wanted|meant|need|am asking)\b",
    r"^(?:no,? |but )?i (?:said|meant|did say|already (?:said|told you|gave you)|asked (?:you )?(?:for|to|about))\b",
    r"^(?:no,? )?(?:that's not it|wrong|incorrect|not that one|you forgot)\b",
    r"^no,? (?:not|the other|it's not|it is not|it should|it must)\b",
    r"\bdas (?:ist|war) (?:so |leider )?(?:nicht (?:richtig|korrekt|das)|falsch)\b|\bdas stimmt (?:so )?nicht\b",
    r"^(?:nein,? )?ich (?:meinte|sagte|habe (?:doch )?gesagt)\b|\b(?:haben|hast) mich falsch verstanden\b",
    r"\bce n'est pas (?:ce que|correct|exact|ça|cela)|\bc'est (?:faux|incorrect|pas (?:ce que|ça|correct))",
    r"^(?:non,? )?(?:j'ai dit|je voulais dire|je parlais)\b|\bvous (?:vous trompez|avez mal compris)\b",
    r"\b(?:eso|esto|así) no es (?:correcto|lo que|cierto|así)\b|\best[áa] (?:mal|equivocado|incorrecto)\b",
    r"^(?:no,? )?(?:dije|quise decir|quería decir)\b|\b(?:te equivocas|se equivoca|me entendiste mal)\b",
    r"\bnon è (?:corretto|giusto|quello che|vero)\b|\b(?:è sbagliato|hai sbagliato|ha sbagliato|hai capito male)\b",
    r"^(?:no,? )?(?:ho detto|intendevo|volevo dire)\b",
    r"\bnão é (?:isso|correto|o que|verdade)\b|\b(?:está errado|está incorreto|você errou|entendeu errado)\b",
    r"^(?:não,? )?(?:eu disse|eu quis dizer|quis dizer)\b",
    r"\bdat (?:klopt niet|is (?:niet (?:juist|goed|wat ik)|fout|verkeerd))\b|^(?:nee,? )?ik (?:bedoelde|zei)\b",
    r"不对|不是这个|我说的是|我的意思是|你弄错了|你搞错了",
    r"違います|違う[。!!]|そうではな|間違って(?:い|る)|じゃなくて",
)

THANKS = _any(
    r"\b(?:thanks|thank you|thx|much appreciated)\b",
    r"\b(?:that|it|this) (?:works|worked|helps|helped|solved it|fixed it|did it)\b|\bproblem solved\b|\ball set\b",
    r"\b(?:that's|that is|that will be|that would be) all\b|\b(?:goodbye|bye)\b",
    r"^(?:perfect|great|awesome|excellent|wonderful|got it)\b",
    r"\b(?:danke|dankeschön|(?:vielen|besten|herzlichen) dank|tschüss|auf wiedersehen|das war alles|das ist alles)\b|^(?:perfekt|prima)\b",
    r"\b(?:merci|au revoir|c'est tout)\b|^(?:parfait|super)\b",
    r"\b(?:gracias|adiós|eso es todo)\b|^perfecto\b",
    r"\b(?:grazie|arrivederci|è tutto)\b|^perfetto\b",
    r"\b(?:obrigad[oa]|tchau|é só isso)\b|^perfeito\b",
    r"\b(?:bedankt|dank je|dank u|dat was alles|tot ziens)\b",
    r"谢谢|多谢|再见|ありがとう|助かりました",
)

# A thank-you that goes on with a wish closes nothing.
GOES_ON = _any(
    r"[?\uff1f]|\b(?:but|however|also|another|one more|can you|could you|would you|please|still)\b",
    r"\bi (?:need|want|would like|'d like|also)\b|\bi'd like\b|\bno,? thank",
    r"\b(?:aber|außerdem|noch|bitte|können sie|kannst du)\b|\b(?:mais|aussi|encore|pouvez-vous)\b",
    r"\b(?:pero|también|puede|puedes)\b|\b(?:ma(?!')|anche|ancora|può|puoi)\b|\b(?:mas|também|ainda|pode)\b",
    r"\b(?:maar|ook|nog|kunt u|kun je)\b|但是|还有|请问|でも|まだ",
)

HANDS_OVER = Ask(
    _any(
        r"\b(?:transferring|connecting|escalating|forwarding|handing|passing|putting) (?:you|this|your|the|it)\b",
        r"\b(?:transferred|escalated|connected|handed over|forwarded)\b",
        r"\b(?:i will|i'll|i'm going to|let me) (?:now )?(?:transfer|connect|escalate|forward|hand|pass|put)\b",
        r"\b(?:verbinde|leite|übergebe) (?:ich )?(?:sie|dich|ihr)\b|\b(?:je vous (?:transfère|mets en relation|passe))\b",
        r"\b(?:le|te) (?:transfiero|comunico|paso)\b|\b(?:la|ti) (?:trasferisco|passo|metto in contatto)\b",
        r"\b(?:vou|estou) (?:te |lhe )?(?:transferir|transferindo|passar)\b|\bverbind (?:ik )?(?:u|je)\b|转接|おつなぎします",
    ),
    _any(
        *_PERSON_EN,
        r"\b(?:team|department|representative)\b",
        r"\b(?:mitarbeiter(?:in)?|berater(?:in)?|kollegen|menschen)\b|\b(?:conseiller|conseillère|humain|responsable)\b",
        r"\b(?:agente|humano|representante|operatore|operador|atendente|persona|pessoa|medewerker|collega)\b|人工|担当者",
    ),
)
OFFERS = _any(
    r"[?\uff1f]$|\b(?:if|would you like|can|could|may|might|cannot|can't|unable|unless|should|before|not)\b",
    r"\b(?:wenn|falls|möchten|kann|könnte|nicht)\b|\b(?:si|voulez|peux|puis|pourrais|pas)\b",
    r"\b(?:quiere|puedo|se|posso|vuole|als|wilt|kan)\b",
)
HANDS_OVER_TOOLS = _any(
    r"(?:human|person|people|representative|supervisor|live_?agent|live_?chat|support_?agent|real_?agent)",
    r"escalat(?:e|ion)",
)
TRANSFERS = re.compile(r"transfer|escalat|hand_?off|hand_?over|connect|route|forward|contact|talk|request|call")


def holds(pattern: re.Pattern[str], texts: Iterable[str]) -> bool:
    """Return whether one of the texts matches."""
    return any(pattern.search(text) for text in texts)
