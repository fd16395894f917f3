"""Code that runs in the application: see tests/apps/evaluate.py."""

import json
import textwrap


def ask(server, code, path="/", headers=()):
    """The value that `code` leaves in `answer`; an expression is its own answer."""
    code = textwrap.dedent(code).strip()
    try:
        compile(code, "<question>", "eval")
        code = f"answer = {code}"
    except SyntaxError:
        pass
    answer = server.post(path, code.encode(), headers)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)
