"""The conversation: a request comes in, events go out."""
