"""Public names are stated, and only what exists is stated."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import safepoint
import safepoint_lab
import safepoint_native

MODULES = sorted(
    module.name
    for package in (safepoint, safepoint_native, safepoint_lab)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__") and ".standalone" not in module.name
)


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_and_true(name: str) -> None:
    """`__all__` is sorted without doubles, and every name in it exists."""
    module = importlib.import_module(name)
    names = getattr(module, "__all__", [])

    assert len(names) == len(set(names))
    assert all(hasattr(module, each) for each in names)
    assert module.__doc__, f"{name} does not say what lives there"
