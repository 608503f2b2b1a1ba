"""Errors, sorted by who has to react.

ShipmateError                      one sentence, plus the next step
├── BadRequest                     the request: wrong or contradictory arguments
│   ├── NotFound                   it names something that is not there
│   └── Unsolved                   no change mends what is wrong: the cause lies elsewhere
├── NeedsAnswer                    the person: a question with the possible answers
├── Refused                        the policy or the mode says no
├── Unreachable                    the operator: no cluster, no engine, no network
├── Forbidden                      the operator: the rights are missing (HTTP 401, 403)
├── Conflict                       the world moved since it was shown: preview again
├── Failed                         it was tried and did not work
└── Cancelled                      the person stopped it

`EXIT_CODES` maps them to the exit codes of the command line; what is not in the table is a bug (70).
"""


class ShipmateError(Exception):
    """Base of every error that a person may see.

    `message` is one sentence that says what is wrong; `next_step` what to do about it. Secrets are taken out of both,
    since servers and programs like to repeat what they were sent.
    """

    def __init__(self, message: str, next_step: str = "") -> None:
        from tools.secrets.redact import redact_text

        message, next_step = redact_text(message), redact_text(next_step)
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class BadRequest(ShipmateError):
    """The arguments are wrong; a model can read this and call again."""


class NotFound(BadRequest):
    """What the request names does not exist."""


class Unsolved(BadRequest):
    """No change mends what is wrong, such as a fault in a program's code; says where the cause is."""


class NeedsAnswer(ShipmateError):
    """Something needed is missing or ambiguous; `message` is the question, `options` the likely answers.

    `slot` names the argument that the answer fills (for instance "namespace"), when it is one.
    """

    def __init__(self, message: str, options: tuple[str, ...] = (), slot: str = "") -> None:
        super().__init__(message)
        self.options = options
        self.slot = slot


class Refused(ShipmateError):
    """The guard does not allow it."""


class Unreachable(ShipmateError):
    """The cluster, the engine or a program cannot be reached."""


class Forbidden(ShipmateError):
    """Kubernetes or Docker knows the caller but denies the rights."""


class Conflict(ShipmateError):
    """A value that was shown has changed since; nothing was written."""


class Failed(ShipmateError):
    """It was tried and did not work."""


class Cancelled(ShipmateError):
    """The person stopped it."""

    def __init__(self) -> None:
        super().__init__("Cancelled.")


EXIT_CODES: dict[type[ShipmateError], int] = {
    BadRequest: 2,
    NotFound: 2,
    Unsolved: 13,
    NeedsAnswer: 10,
    Refused: 11,
    Unreachable: 3,
    Forbidden: 13,
    Conflict: 13,
    Failed: 13,
    Cancelled: 130,
}


BUG = 70  # an exit code of its own: 1 means findings to whoever looks for some


def exit_code(error: BaseException) -> int:
    """Exit code for an error: the entry of its nearest class in `EXIT_CODES`, else that of a bug."""
    for cls in type(error).__mro__:
        if cls in EXIT_CODES:
            return EXIT_CODES[cls]
    return BUG
