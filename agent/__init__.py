"""The conversation: a request comes in, events go out."""

__version__ = "0.1.0"
