//! Tests of replicated entries: against a map and a list, and rule by rule.

mod amending;
mod changes;
mod cleaning;
mod fixture;
mod golden;
mod log_only;
mod model;
mod power;
mod property;
mod rules;
