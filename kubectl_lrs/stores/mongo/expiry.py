"""Documents that a server removes by itself because of their age, by indexes or by the options of their collection. Pure.

Source: MongoDB manual, "TTL Indexes", "Clustered Collections", "Set up Automatic Removal for Time Series Collections".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import bson

from kubectl_lrs.stores.mongo import indexes

AGE = "expireAfterSeconds"
_SPAN = 3600
"""Seconds that a bucket of a time series spans at most, where its collection does not say."""


def query(found: Sequence[indexes.Index], options: Mapping[str, Any], now: float) -> dict[str, Any] | None:
    """The query for documents that may be removed at once; None where none ever is. `found`: the collection's indexes.

    Of a time series it is about the buckets.
    """
    queries = [each for each in (indexes.expired(found, now), _by_options(options, now)) if each]
    return {"$or": queries} if queries else None


def _by_options(options: Mapping[str, Any], now: float) -> dict[str, Any] | None:
    age = options.get(AGE)
    if isinstance(age, bool) or not isinstance(age, (int, float)):
        return None
    if isinstance(series := options.get("timeseries"), Mapping):
        oldest = now - age - float(series.get("bucketMaxSpanSeconds", _SPAN))  # a bucket goes when all that it may hold is old
        return {"_id": {"$lt": _first_id_of(oldest)}}
    return {"_id": {"$lt": bson.DatetimeMS(int((now - age) * 1000))}} if "clusteredIndex" in options else None


def _first_id_of(seconds: float) -> bson.ObjectId:
    return bson.ObjectId(struct.pack(">I8x", min(max(int(seconds), 0), (1 << 32) - 1)))
