"""Toi (問い): question generation and question answering for Japanese, with T5."""

__version__ = "0.1.0"
