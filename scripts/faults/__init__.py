"""The parts of `fault-test`: a file a kind of fault, and what they share."""
