"""What several stores stand on. It knows none of them."""
