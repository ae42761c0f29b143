"""What the data plane counts, how it is told, and under which of AWS's names it is known."""
