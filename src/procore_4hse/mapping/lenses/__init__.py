"""Get/put pairs between a vendor's raw values and the value that both sides mean."""
