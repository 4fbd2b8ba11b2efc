"""The plain form: a folder of this machine that kubectl, mongorestore, skopeo and sha256sum can read."""
