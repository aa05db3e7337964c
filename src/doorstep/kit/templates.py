"""Templates in several languages: compiled once a process; catalogs are made from their .po files at first use."""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import Environment, PackageLoader, StrictUndefined

LANGUAGES = ("en", "de")


def language_of(locale: str) -> str:
    """The language we write in for someone of this locale."""
    language = locale[:2].lower()
    return language if language in LANGUAGES else LANGUAGES[0]


@cache
def locale_of(name: str, currency: str) -> Locale:
    """How to write dates and amounts. Plain English means British for someone who pays in pounds."""
    if name == "en" and currency == "GBP":
        name = "en_GB"
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale(language_of(name))


@cache
def translations(package: str, language: str) -> NullTranslations:
    """A package's catalogs of a language as one: `de.po` and, for its larger parts, `de.<part>.po`; English is what the
    templates say.
    """
    made: NullTranslations = NullTranslations()
    if language == LANGUAGES[0]:
        return made
    for source in catalogs(package, language):
        compiled = io.BytesIO()
        write_mo(compiled, read_po(io.BytesIO(source.read_bytes()), locale=language))
        compiled.seek(0)
        found = Translations(compiled)
        made = found if not isinstance(made, Translations) else made.merge(found)
    return made


def catalogs(package: str, language: str) -> list[Traversable]:
    """The .po files of a language, by name."""
    folder = files(package).joinpath("locale")
    ours = [file for file in folder.iterdir() if file.name.startswith(f"{language}.") and file.name.endswith(".po")]
    return sorted(ours, key=lambda file: file.name)


@cache
def environment(package: str, language: str, *, html: bool) -> Environment:
    """Where a package's templates are compiled in a language; `html` escapes what is put in."""
    made = Environment(
        loader=PackageLoader(package, "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=html,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    install: Any = made
    install.install_gettext_translations(translations(package, language), newstyle=True)
    return made
