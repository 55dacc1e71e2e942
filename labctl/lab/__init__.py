"""What a lab is: its model, its loader, its schema."""
