"""A module that looks at everything when it is imported: what shows that such a one is found."""

import datetime
import os
import time

SEEN = (os.environ.get("HOME"), os.getcwd(), time.time(), datetime.datetime.now(), os.urandom(1))
