"""Repositories of the product."""

from __future__ import annotations

import pytest

from kubectl_lrs.stores.common.image_names.repositories import REPOSITORIES, is_of_the_product


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_repositories_of_the_product_have_any_prefix(repository: str) -> None:
    assert is_of_the_product(repository)
    assert is_of_the_product(f"a/b/{repository}")
    assert not is_of_the_product(f"{repository}-x")
    assert not is_of_the_product(f"{repository}/x")
