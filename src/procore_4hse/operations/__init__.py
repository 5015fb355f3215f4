"""What a person asks for between cycles."""
