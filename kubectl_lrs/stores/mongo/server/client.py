"""The client of MongoDB: raw BSON in and out, every failure one of ours. It knows databases and collections, not applications."""

from __future__ import annotations

from kubectl_lrs.stores.mongo.server.facts import Facts
from kubectl_lrs.stores.mongo.server.reading import Reading
from kubectl_lrs.stores.mongo.server.writing import Writing


class Mongo(Facts, Reading, Writing):
    """One MongoDB deployment. Safe to use from several threads."""
