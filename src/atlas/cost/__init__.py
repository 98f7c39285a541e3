"""What work costs: energy that was measured or declared, hardware that is owned, tokens that are bought."""
