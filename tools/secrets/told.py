"""What leaves `tools/`, as types: text and data lose their secrets when they are put into a field of these types.

Results, previews, summaries, findings and notes are made of them, so that no tool has to remember it. What comes back
from Shipmate's own store is taken as it is (`STORED`): it was cleaned when it was made, and a plan's digest covers it.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo

STORED = {"stored": True}  # context of validation for what Shipmate itself has kept


def _clean_text(text: str, info: ValidationInfo) -> str:
    if info.context is STORED:
        return text
    from tools.secrets.redact import redact_text

    return redact_text(text)


def _clean_data(value: Any, info: ValidationInfo) -> Any:
    if value is None or info.context is STORED:
        return value
    from tools.secrets.redact import redact_object

    return redact_object(value)


Told = Annotated[str, AfterValidator(_clean_text)]
ToldData = Annotated[Any, AfterValidator(_clean_data)]
