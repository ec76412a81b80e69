//! End to end: the binary is started, spoken to, killed and started again.

mod atomic;
mod bad_input;
mod basics;
mod client;
mod cluster;
mod cluster_config;
mod cluster_faults;
mod cluster_harness;
mod cluster_members;
mod cluster_peers;
mod crowd;
mod damage;
mod disk;
mod door;
mod durability;
mod eviction;
mod harness;
mod http;
mod http_call;
mod levels;
mod live_settings;
mod long_values;
mod snapshot;
mod tour;
