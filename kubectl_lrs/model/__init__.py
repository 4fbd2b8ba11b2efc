"""What the product knows as data: errors, plans, reports, names. Pure: no input, no output, no third party."""
