//! Cores with real sockets, files and threads. Deadlines here only guard against hanging.

mod connections;
mod cores;
mod descriptors;
mod disk;
mod echo;
mod filling;
mod harness;
mod tls;
mod tls_harness;
mod tls_refused;
mod unix;
