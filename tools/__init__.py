"""What can be looked at and changed. Knows no model, no terminal and no LangChain."""

__version__ = "0.1.0"
