"""MongoDB itself: ways to it, raw BSON in and out, its errors as ours."""
