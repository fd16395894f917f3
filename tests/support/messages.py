"""What the code can say: the texts of its errors and of its calls that log, with `…` for what varies."""

import re

from .blocks import ROOT

LITERAL = r'(?:r#"(?P<raw>.*?)"#|"(?P<text>(?:[^"\\]|\\.)*)")'
ERROR = re.compile(rf"#\[error\(\s*{LITERAL}", re.S)
CALL = re.compile(r"(?<!fn )\b(?:log|log_at|log_failure|logged|warning|notice|say|finding|error|problem)!?\(")
# Errors of formats within this code, which reach no log; and those of the command, which has a page of its own.
COMMAND = "crates/express/src/"
QUIET = ("crates/contract/src/", "tests/", COMMAND)


def sources(command):
    """(path, text) of the files of code, without unit tests: of the command mod_wsgi-express, or of all others."""
    for path in sorted([*ROOT.glob("src/**/*.rs"), *ROOT.glob("crates/*/src/**/*.rs")]):
        name = str(path.relative_to(ROOT))
        is_wanted = name.startswith(COMMAND) if command else not name.startswith(QUIET)
        if is_wanted and not re.search(r"(?:^|[/_])tests?\b", name):
            yield name, re.split(r"^\s*#\[cfg\(test\)\]", path.read_text(), flags=re.M)[0]


def arguments(text, start):
    """What stands between the parentheses of a call, strings taken as a whole."""
    depth = 0
    for token in re.finditer(rf'{LITERAL}|[()]|\'(?:\\.|[^\'])\'', text[start:], re.S):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return text[start:start + token.end()]
    return ""


def plain(literal):
    """As it is written to the log, `…` for what is put in."""
    text = re.sub(r"\\\n\s*", "", literal)
    text = text.replace('\\"', '"').replace("\\\\", "\\").replace("\\n", " ").replace("\\u{2026}", "…")
    return re.sub(r"\{[^{}]*\}", "…", text.replace("{{", "\0").replace("}}", "\1")).replace("\0", "{").replace("\1", "}")


def messages(command=False):
    """{message: file} of everything that is long enough to be looked for."""
    found = {}
    for name, text in sources(command):
        literals = [match["raw"] or match["text"] or "" for match in ERROR.finditer(text)]
        for call in CALL.finditer(text):
            inside = arguments(text, call.end() - 1)
            literals += [match["raw"] or match["text"] or "" for match in re.finditer(LITERAL, inside, re.S)]
        for message in map(plain, literals):
            if words(message):
                found.setdefault(message, name)
    return found


def words(message):
    """The parts of a message that never vary, those of three words or more."""
    return [part.strip(" ,:;`'\"().") for part in message.split("…") if len(part.split()) >= 3]
