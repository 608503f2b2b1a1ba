"""What a secret looks like: names that announce one, and values that are one by their form."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import pairwise

# --- Names ------------------------------------------------------------------------------------------------------

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STRONG = frozenset(
    "password passwords passwd pwd passphrase passcode secret token credential credentials creds dsn apikey "
    "accesskey secretkey privatekey authtoken accesstoken signingkey mnemonic".split()
)
_STRONG_ENDS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
)  # PGPASSWORD
_LAST_APPLIED = "last-applied-configuration"  # kubectl's copy of a whole manifest
_WEAK = frozenset("pass pat jwt bearer authorization cookie auth webhook".split())  # only at the end of a name
_KEY_KINDS = frozenset(
    "api access private secret encryption encrypt signing sign auth ssh account shared master service session app "
    "license application hmac aes rsa deploy storage fernet".split()
)
_OPEN_KEYS = frozenset("public primary foreign partition sort cache idempotency routing hot foreign".split())
_ABOUT = frozenset(  # TOKEN_TTL, secretName, passwordFile: about a secret, not one
    "name names ref refs file files path paths dir folder mount mounts type kind kinds ttl expiry expires expiration "
    "seconds minutes hours timeout count counts limit limits length len size max min enabled disabled required policy "
    "version rotation selector store class provider issuer audience audiences format algorithm namespace url uri "
    "endpoint host port usage status state review reviews request requests reader manager controller lookup budget "
    "mode config checksum digest revision template templates generator uid created updated age at by used".split()
)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a value of this name (of a variable, key, flag or header) is to be taken for a secret."""
    words = [word.lower() for word in _WORDS.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if not words or words[-1] in _ABOUT or "checksum" in words:
        return False
    if any(word in _STRONG or word.endswith(_STRONG_ENDS) for word in words) or name.endswith(_LAST_APPLIED):
        return True
    if words[-1] in _WEAK:
        return len(words) > 1 or words[-1] in ("authorization", "cookie")
    if words[-1] in ("string", "str"):
        return "connection" in words or "conn" in words
    if words[-2:] == ["key", "data"]:  # of a kubeconfig
        return True
    if words[-1] != "key" or len(words) == 1:
        return False
    return words[-2] in _KEY_KINDS or (name.isupper() and words[-2] not in _OPEN_KEYS)


# --- Values -----------------------------------------------------------------------------------------------------

_MAKERS = (
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",  # AWS
    r"gh[pousr]_[A-Za-z0-9]{30,}",
    r"github_pat_\w{30,}",
    r"gl(?:pat|dt|rt|ptt|cbt)-[\w-]{20,}",  # GitLab
    r"xox[a-z]-[\w-]{10,}",  # Slack
    r"xapp-[\w-]{10,}",
    r"sk-[\w-]{20,}",  # OpenAI, Anthropic and those who speak like them
    r"[srp]k_(?:live|test)_\w{16,}",  # Stripe
    r"whsec_\w{20,}",
    r"AIza[\w-]{35}",  # Google
    r"ya29\.[\w-]{20,}",
    r"GOCSPX-[\w-]{20,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[\w-]{30,}",
    r"dckr_(?:pat|oat)_[\w-]{20,}",
    r"hf_[A-Za-z0-9]{30,}",
    r"do[opr]_v1_[0-9a-f]{40,}",  # DigitalOcean
    r"SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
    r"hv[sbr]\.[\w-]{20,}",  # Vault
    r"AGE-SECRET-KEY-1\w{20,}",
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){1,3}",  # JWT and JWE
    r"LS0tLS1CRUdJTiB(?:SU0Eg|QUklW|FQyBQ|PUEVO|FTkNS|EU0Eg)[A-Za-z0-9+/=]{20,}",  # a private key in base64
)
TOKEN = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_MAKERS)})")
TOKEN_MARKS = (
    *("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "glptt-"),
    *("glcbt-", "xox", "xapp-", "sk-", "k_live_", "k_test_", "whsec_", "AIza", "ya29.", "GOCSPX-", "npm_", "pypi-"),
    *("dckr_", "hf_", "_v1_", "SG.", "hvs.", "hvb.", "hvr.", "AGE-SECRET", "eyJ", "LS0tLS1CRUdJTiB"),
)
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|(?:\s|\\n|[A-Za-z0-9+/=:,-])*)",
    re.DOTALL,
)
ADDRESS = re.compile(r"(?P<scheme>(?<![\w+.-])[A-Za-z][\w+.-]*+://)(?:[^\s'\"<>]*+)")
MYSQL_ADDRESS = re.compile(r"(?<![\w.-])([\w.-]++:)[^\s@'\"]{1,256}(?=@(?:tcp|unix)\()")
WEBHOOK = re.compile(r"(hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/)[\w/-]+")
_MIXED = r"(?=[^\s'\",;]*(?:\d|=|\.|[a-z][A-Z]))"
HEADER_SCHEME = re.compile(rf"\b((?i:bearer|basic))([ \t]){_MIXED}[A-Za-z0-9+/=._~-]{{8,}}")


def looks_random(value: str) -> bool:
    """Whether a value of a place that often holds secrets is one by its disorder; digests and uids are not."""
    if not 20 <= len(value) <= 512 or not re.fullmatch(r"[A-Za-z0-9+/=_~.!@#$%^&*-]+", value):
        return False
    if value.startswith("/") or re.fullmatch(r"[a-z0-9.:/_-]+|[A-Z0-9._-]+", value):
        return False  # paths, images, host names, hexadecimal, CONSTANTS
    if sum(character.isdigit() for character in value) < 2:
        return False
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" if c.islower() else "p" for c in value]
    if sum(a != b for a, b in pairwise(kinds)) < len(value) / 3:
        return False
    counts = [value.count(character) for character in set(value)]
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return entropy >= 3.5


# --- Values that are none, whatever the name says -----------------------------------------------------------------

HARMLESS = re.compile(
    r"(?:true|false|null|none|nil|yes|no|~|\d{1,3}|\*+|<[^<>]*>|\[redacted\]"
    r"|\$\(\w+\)|\$\{[^{}]*\}|\$[A-Za-z_]\w*|\{\{.*\}\}|vault:[0-9a-f]+)?",
    re.IGNORECASE,
)
PROSE = frozenset(  # "token: is expired": words of a sentence, not a value
    "is was are were has have had not no invalid expired missing required empty wrong incorrect unknown failed failure "
    "error denied unauthorized unauthenticated authentication authorization must cannot could should the an for of in "
    "and or with validation rejected revoked malformed unable found mismatch bad too signature unexpected".split()
)
