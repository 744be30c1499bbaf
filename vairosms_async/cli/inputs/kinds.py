"""Kinds of files that are no text, recognized by their first bytes."""

from typing import Final

from . import messages
from .rows import InputError

_SIGNATURES: Final = {
    b"\x1f\x8b": messages.COMPRESSED,  # gzip
    b"BZh": messages.COMPRESSED,
    b"\xfd7zXZ\0": messages.COMPRESSED,
    b"7z\xbc\xaf\x27\x1c": messages.COMPRESSED,
    b"Rar!\x1a\x07": messages.COMPRESSED,
    b"\x28\xb5\x2f\xfd": messages.COMPRESSED,  # Zstandard
    b"%PDF-": messages.PDF,
    b"\x89PNG": messages.IMAGE,
    b"\xff\xd8\xff": messages.IMAGE,  # JPEG
    b"GIF8": messages.IMAGE,
    b"II*\0": messages.IMAGE,  # TIFF
    b"MM\0*": messages.IMAGE,
    b"{\\rtf": messages.RICH_TEXT,
    b"SQLite format 3\0": messages.SQLITE,
}
_WEB_PAGES: Final = (b"<!doctype", b"<html", b"<head", b"<meta", b"<table", b"<?xml")


def check_is_text(head: bytes) -> None:
    """Raise `InputError` if the first bytes are those of another kind of file.

    Programs write HTML tables into files that they call .xls.
    """
    for signature, message in _SIGNATURES.items():
        if head.startswith(signature):
            raise InputError(message)
    is_image = head[4:8] == b"ftyp" or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
    if is_image:  # HEIC and AVIF, or WebP
        raise InputError(messages.IMAGE)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_WEB_PAGES):
        raise InputError(messages.WEB_PAGE)
