"""What was measured: JSON files, and the experiments that make them."""
