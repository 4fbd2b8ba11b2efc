"""Create, back up, destroy, restore; and nothing differs."""
