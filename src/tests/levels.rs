//! Owns tests of the ways that older kernels leave: each level of the ring, forced.

use serde_json::json;

use super::harness::Setup;
use super::http_call::get;
use super::tour::{large_value, long_pipeline, random_pipelines, tour};

const LEVELS: [&str; 3] = ["6.6", "6.1", "5.15"];
const VALUE_BYTES: usize = 10 << 20;

fn runs(level: &str, setup: Setup) {
    let mut node = setup.environment("HYPERION_RING_LEVEL", level).durability("always").start();
    let status = get(node.http(), "/status").json();
    let used = status["cores"][0]["ring_level"].as_str().expect("it is shown").to_owned();
    assert!(used.contains(level) || level == LEVELS[0], "{used} instead of {level}");
    let told = format!("io_uring is used at the level of {used}");
    assert!(node.log().contains(&told), "{}", node.log());
    let mut client = node.client();
    tour(&mut client);
    long_pipeline(&mut client);
    random_pipelines(&mut client, 4, 10);
    let value = large_value(&mut client, "large", VALUE_BYTES);
    node.kill_and_start();
    node.client().expect_bytes("large", &value);
}

#[test]
fn one_core_at_the_newest_level() {
    runs(LEVELS[0], Setup::new());
}

#[test]
fn one_core_at_the_middle_level() {
    runs(LEVELS[1], Setup::new());
}

#[test]
fn one_core_at_the_oldest_level() {
    runs(LEVELS[2], Setup::new());
}

fn runs_on_two(level: &str) {
    if let Some(setup) = Setup::two_cores() {
        runs(level, setup.at("/settings/memory_bytes_max", json!("512MiB")));
    }
}

#[test]
fn two_cores_at_the_newest_level() {
    runs_on_two(LEVELS[0]);
}

#[test]
fn two_cores_at_the_middle_level() {
    runs_on_two(LEVELS[1]);
}

#[test]
fn two_cores_at_the_oldest_level() {
    runs_on_two(LEVELS[2]);
}
