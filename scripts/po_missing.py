"""Print the sentences of the pages' templates that no catalog of a language has, as entries to be translated.

.venv/bin/python scripts/po_missing.py [de]
"""

from __future__ import annotations

import io
import sys
from importlib.resources import files

from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from doorstep.kit.templates import catalogs

_OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}


def main(arguments: list[str]) -> int:
    """Exit code 0; the entries go to stdout."""
    language = arguments[0] if arguments else "de"
    known = {
        message.id if isinstance(message.id, str) else message.id[0]
        for file in catalogs("doorstep.web", language)
        for message in read_po(io.BytesIO(file.read_bytes()))
    }
    templates = files("doorstep.web").joinpath("templates")
    for template in sorted(templates.rglob("*.html")):  # type: ignore[attr-defined]  # a real folder
        content = io.BytesIO(template.read_bytes())
        for _, _, message, _ in babel_extract(content, ("gettext", "ngettext", "_"), [], _OPTIONS):
            forms = (message,) if isinstance(message, str) else tuple(one for one in message or () if one)
            if not forms or forms[0] in known:
                continue
            known.add(forms[0])
            print(f"#: {template.relative_to(templates)}")
            if "%(" in forms[-1]:
                print("#, python-format")
            print(f"msgid {_quoted(forms[0])}")
            if len(forms) > 1:
                print(f'msgid_plural {_quoted(forms[1])}\nmsgstr[0] ""\nmsgstr[1] ""\n')
            else:
                print('msgstr ""\n')
    return 0


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
