//! Tests of the cluster as clients read it, and of how a node comes to be in it.

mod settling;
mod view;
