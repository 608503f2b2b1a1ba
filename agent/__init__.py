"""The conversation: a request comes in, events go out."""

from tools import __version__ as __version__
