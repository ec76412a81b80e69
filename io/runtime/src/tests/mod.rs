//! Cores with real sockets, files and threads.
