"""What apps/environ.py answers: the variables that an application saw."""

import ast
import json


def variables(response):
    """Names and values; what has no literal stays the text of its repr."""
    assert response.status == 200, (response.status, response.body[:300])
    found = {}
    for name, (_, text) in json.loads(response.body).items():
        try:
            found[name] = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            found[name] = text
    return found
