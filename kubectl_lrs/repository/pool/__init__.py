"""Backups whose contents share one pool of objects, on any storage that `backends` reaches.

Its form is specified in docs/backup-format.md. Nothing is overwritten, renamed or locked; what is sealed refers only to what
is there. It knows keys, bytes and sums, not what files mean.
"""
