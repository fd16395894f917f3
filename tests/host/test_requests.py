"""Every check of checks.py in every CPython."""

import ast

import pytest
from conftest import HERE

TREE = ast.parse((HERE / "checks.py").read_text())
NAMES = [node.name for node in TREE.body if isinstance(node, ast.FunctionDef) and node.decorator_list]


@pytest.mark.parametrize("name", NAMES)
def test_request(outcome, name):
    """One check."""
    failure = outcome(name)
    assert failure is None, failure
