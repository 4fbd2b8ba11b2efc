"""The sizes of these tests: contents below SMALL share packs."""

SMALL = 4 << 10
RESERVE_SIZE = 64 << 10
