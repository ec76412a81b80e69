"""The parts of `cluster-test`: histories and their checker, the load, the faults, what is looked at afterwards."""
