"""The version of gesta, in one place."""

__version__ = "0.1.0"
