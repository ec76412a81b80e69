"""The parts of bench-peers: programs, servers, clients, cells, and what is written of them."""
