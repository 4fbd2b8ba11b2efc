"""Back up, verify and restore DataRobot Long Running Services (LRS)."""

__version__ = "0.1.0"
