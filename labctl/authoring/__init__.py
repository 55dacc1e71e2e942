"""Making labs: a scaffold, what a reviewer would find, and every verdict tried."""
