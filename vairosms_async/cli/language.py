"""The language of the command: Turkish if the environment asks for it, otherwise English.

The catalogue ``locale/tr/LC_MESSAGES/vairosms.po`` has the texts of the command and of click. Both
call `gettext.gettext`. ``nox -s translations`` updates it.
"""

import errno
import gettext
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VARIABLES: Final = ("VAIROSMS_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""Environment variables that name the language. The first that is set decides."""

_DOMAIN: Final = "vairosms"
_LANGUAGES: Final = ("en", "tr")


def use_language() -> None:
    """Let `gettext` translate into the language of the environment.

    Call this before the other modules are imported, because they translate the help at import.
    """
    # gettext reads LANGUAGE first, each time.
    os.environ["LANGUAGE"] = find_language(os.environ, _language_of_windows())
    gettext.bindtextdomain(_DOMAIN, Path(__file__).with_name("locale"))
    gettext.textdomain(_DOMAIN)


def find_language(environ: Mapping[str, str], default: str = "") -> str:
    """Return ``"tr"`` or ``"en"``.

    Args:
        environ: The environment variables. Like ``LANGUAGE``, each may list languages, best first:
            ``de:tr``. ``LC_ALL=C`` means English, even if ``LANGUAGE`` is set.
        default: The locale if no variable is set, such as ``tr_TR``.
    """
    names = list(VARIABLES)
    if re.fullmatch(r"(C|POSIX)(\..*)?", environ.get("LC_ALL", "")):
        names.remove("LANGUAGE")
    wanted = next((environ[name] for name in names if environ.get(name)), default)
    languages = [re.split(r"[-_.@]", locale)[0].lower() for locale in wanted.split(":")]
    return next((language for language in languages if language in _LANGUAGES), "en")


def _language_of_windows() -> str:
    """Return the locale of Windows' user interface. Other systems have environment variables."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 (only for Windows)
        import locale  # noqa: PLC0415 (only for Windows)

        language = ctypes.windll.kernel32.GetUserDefaultUILanguage()
        return locale.windows_locale.get(language, "")
    return ""


def to_translate(text: str) -> str:
    """Return a text unchanged. It is in the catalogue, and its reader calls `gettext`."""
    return text


_REASONS: Final[Mapping[int, str]] = {
    errno.EACCES: to_translate("Permission denied"),
    errno.EADDRINUSE: to_translate("Address already in use"),
    errno.EBADF: to_translate("Bad file descriptor"),
    errno.EDQUOT: to_translate("Disk quota exceeded"),
    errno.EFBIG: to_translate("File too large"),
    errno.EIO: to_translate("Input/output error"),
    errno.EISDIR: to_translate("Is a directory"),
    errno.ELOOP: to_translate("Too many levels of symbolic links"),
    errno.EMFILE: to_translate("Too many open files"),
    errno.ENAMETOOLONG: to_translate("File name too long"),
    errno.ENOENT: to_translate("No such file or directory"),
    errno.ENOSPC: to_translate("No space left on device"),
    errno.ENOTDIR: to_translate("Not a directory"),
    errno.EPERM: to_translate("Operation not permitted"),
    errno.EROFS: to_translate("Read-only file system"),
}


def reason_of(error: OSError) -> str:
    """Return why an operation of the system failed, without a file's name."""
    return gettext.gettext(_REASONS.get(error.errno or 0) or error.strerror or str(error))
