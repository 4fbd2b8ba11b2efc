"""The plugin as krew installs it: its manifest and archives, and the release of all that is published. No part of the product."""
