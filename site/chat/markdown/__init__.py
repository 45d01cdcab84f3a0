"""Markdown of a model's answer to safe HTML, while it streams and afterwards. Pure: no models, no requests.

Everything a model writes is hostile. Raw HTML in it is shown as text, images are not loaded, and what was
rendered is sanitised last. Nothing here raises for any text: what cannot be rendered is shown as written.
"""

from .stream import AnswerStream, Block, joined, render

__all__ = ["AnswerStream", "Block", "joined", "render"]
