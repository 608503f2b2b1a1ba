"""The parts of sentences about traffic, as patterns: peers, ports, DNS, and the words that steer."""

# ruff: noqa: E501, UP031  (patterns are easier to read in one piece)
from __future__ import annotations

import re

from agent.minds.planner.drafts.slots import NAME, SLOTS

_CIDR = r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?"
_PAIRS = SLOTS["pairs"][0]
_WITH = (
    r"(?:(?:with|labell?ed|having|matching|that have|that are|whose|where|as|the|labels?|label|selector|is|are)\s+)*"
)
_PLACE = (
    r"(?:\s+(?:in|of|from|inside)\s+(?:the\s+)?(?:namespaces?\s+(?P<{0}>(?!labell?ed|with)%s)|(?!(?:any|all|every|other|same|the|this|its)\b)(?P<{0}2>%s)\s+namespace))?"
    % (NAME, NAME)
)
_NOT_A_NAME = (
    r"(?!(?:all|any|anything|anywhere|everything|everywhere|ingress|egress|traffic|port|ports|tcp|udp|dns|pods?|the|and|or|on|"
    r"in|to|from|for|of|it|its|them|namespaces?|except|only|itself|other|incoming|outgoing|inbound|outbound|be|by|a|an|"
    r"reach|access|talk|connect|use|both|which|that|allow|allows|allowing|deny|denies|denying|block|blocks|blocking|no|not|"
    r"others?|nobody|everyone|everybody|policy|network|apply|applies)\b)"
)
PEER = re.compile(
    rf"(?:the\s+)?(?:(?:ip\s+|address\s+)?(?:block|range|cidr|network|subnet|addresse?s?|ip)\s+)?(?P<cidr>{_CIDR})"
    rf"(?:\s+(?:except|but not|excluding|without)(?:\s+for)?\s+(?P<but>{_CIDR}(?:(?:\s*,\s*|\s+and\s+){_CIDR})*))?"
    rf"|(?:all\s+|any\s+|the\s+)?(?:pods?\s+)?(?:in|of|from)?\s*(?:any|all|every|other|all other)\s+namespaces?(?P<anyspace>)"
    rf"|(?:all\s+|any\s+|the\s+|other\s+)*(?:pods?\s+)?(?:in|within|of|from)?\s*(?:the|its|this)\s+(?:same|own)?\s*namespace(?!\s+{NAME}-)(?P<same>)"
    rf"|(?:all\s+|any\s+|the\s+)*(?:pods?\s+(?:in|of|from)\s+)?(?:all\s+)?(?:the\s+)?namespaces?\s+{_WITH}(?P<spacelabels>{_PAIRS})"
    rf"|(?:all\s+|any\s+|the\s+)*(?:pods?\s+(?:in|of|from)\s+)?(?:the\s+)?(?:namespaces?\s+(?:called\s+|named\s+)?(?P<space>{NAME})|(?!(?:any|all|every|other|same|the|this|its)\b)(?P<space2>{NAME})\s+namespace)(?!\s*[=:])"
    rf"|(?:all\s+|any\s+|the\s+|only\s+)*(?:pods?\s+)?{_WITH}(?P<labels>{_PAIRS}){_PLACE.format('place')}"
    r"|(?:all\s+|any\s+|the\s+)*(?:other\s+)?pods(?P<pods>)(?:\s+in\s+(?:the|this|its)\s+namespace)?"
    r"|(?:the\s+)?(?:anywhere|everywhere|anyone|everyone|everybody|anything|everything|internet|outside|world|any\s+source|all\s+sources)(?P<all>)"
    rf"|(?:the\s+)?(?:pods?\s+(?:of|called)\s+)?(?:the\s+)?(?:(?:deployment|stateful\s?set|daemon\s?set|service|app|component|workload|pods?)\s+)?"
    rf"{_NOT_A_NAME}(?P<name>{NAME})(?:\s+(?:pods?|deployment|stateful\s?set|service|app|component))?{_PLACE.format('home')}",
    re.IGNORECASE,
)  # fmt: skip
AND = re.compile(
    r"\s*(?:,\s*(?:and\s+|or\s+)?|\s+(?:and|or|as well as|plus)\s+)(?:also\s+)?(?:from\s+|to\s+)?", re.IGNORECASE
)
PORTS = re.compile(
    r"(?:(?:on|at|over|via|to|through|for|using)\s+)?(?:the\s+)?(?:(?P<proto>tcp|udp)\s+)?(?:ports?\s+(?P<proto3>tcp\s+|udp\s+)?|(?<=tcp )|(?<=udp ))"
    r"(?P<ports>\d{1,5}(?:\s?-\s?\d{1,5})?(?:/(?:tcp|udp))?(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s+or\s+)(?:(?:tcp|udp)\s+)?\d{1,5}(?:\s?-\s?\d{1,5})?(?:/(?:tcp|udp))?)*)(?:\s+(?P<proto2>tcp|udp))?",
    re.IGNORECASE,
)
DNS = re.compile(
    r"(?:(?:to|for|and|with|also|plus|except|only|allow(?:ing|s)?|over|via)\s+)*(?:the\s+)?(?:cluster\s+)?(?:kube-)?dns(?:\s+(?:lookups?|queries|resolution|traffic|server|egress))?\b",
    re.IGNORECASE,
)
_WORDS = (
    ("deny", r"(?:den(?:y|ies|ying)|block(?:s|ing)?|forbid(?:s|ding)?|reject(?:s|ing)?|drop(?:s|ping)?|isolat(?:e|es|ing)|stop(?:s|ping)?|prohibit(?:s|ing)?|disallow(?:s|ing)?|cut(?:s|ting)? off|no)\b"),
    ("allow", r"(?:allow(?:s|ed|ing)?|permit(?:s|ted|ting)?|let(?:s|ting)?|accept(?:s|ing)?|except|apart from|other than|unless|but|only|restrict(?:s|ed|ing)?|limit(?:s|ed|ing)?|may|can|should)\b"),
    ("ingress", r"(?:ingress|incoming|inbound)\b"),
    ("egress", r"(?:egress|outgoing|outbound)\b"),
    ("subject", r"(?:(?:that )?(?:appl(?:y|ies|ying|ied) to|select(?:s|ing)?|targeting|targets|protecting|protects|covering|for|of))\b(?!\s+(?:tcp|udp|ports?)\b)"),
    ("reach", r"(?:to (?:reach|access|talk to|connect to|call|contact|speak to|use|get to)|(?:can|may) (?:reach|access|talk to|connect to|call))\b"),
    ("from", r"(?:from|by)\b"),
    ("to", r"(?:to|into|towards|reaching)\b"),
    ("", r"(?:please|kindly|could|would|you|i|we|need|want|must|now|hey|ok|all|any|every|both|traffic|connections?|access|communication|requests?|network|packets|and|or|also|but|its|the|it|that|which|with|other|else|everything|anything|default|policy|rules?|then|to be|reached|connect|talk|is|are|be|a|pods?|of)\b"),
)  # fmt: skip
TOKENS = [(name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _WORDS]
