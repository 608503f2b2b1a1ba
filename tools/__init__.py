"""What can be looked at and changed. Knows no model, no terminal and no LangChain."""
