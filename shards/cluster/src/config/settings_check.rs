//! Owns the rules of the settings, and what of them hangs on the machine.

use super::document::Config;
use hyperion_model::EventMask;

use super::limits::{
    CLIENTS_MAX, EPOCH_MAX, IDLE_TIMEOUT_S_MAX, LOG_LEN_MAX, MEMORY_BYTES_MAX,
    MOVE_BYTES_A_SECOND_MIN, OUTPUT_BYTES_MIN, PEER_SECRET_PATH_BYTES_MAX, PUBSUB_SOFT_S_MAX,
    SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENTS_A_CORE_MIN, SHOWN_BACK_BYTES_MAX,
    SHOWN_BACK_MAX, SNAPSHOT_BYTES_A_SECOND_MIN, SNAPSHOTS_KEPT_MAX, SYNC_INTERVAL_MS_MAX,
    VALUE_BYTES_MAX, VALUE_BYTES_MIN, WRITE_TIMEOUT_S_MAX,
};
use super::machine::Machine;
use super::password::PasswordHash;
use super::problem::Problem;
use super::settings::Settings;
use super::size::Size;

pub(super) fn check_password(
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> Option<PasswordHash> {
    let text = settings.auth.password_hash.as_ref()?;
    match PasswordHash::parse(text) {
        Ok(hash) => Some(hash),
        Err(problem) => {
            let hint = "`hyperiond hash-password` reads a password and prints its hash";
            problems.push(Problem::at("/settings/auth/password_hash", problem, hint));
            None
        }
    }
}

/// Whether the path of the nodes' secret can be one.
pub(super) fn check_peer_secret(settings: &Settings, problems: &mut Vec<Problem>) {
    let bad_path = |path: &&String| {
        path.is_empty() || path.contains('\0') || path.len() > PEER_SECRET_PATH_BYTES_MAX
    };
    if let Some(path) = settings.auth.peer_secret_file.as_ref().filter(bad_path) {
        let text = format!("{path:?} is no path of a file");
        let hint =
            format!("give a path of 1 to {PEER_SECRET_PATH_BYTES_MAX} bytes, or leave it out");
        problems.push(Problem::at("/settings/auth/peer_secret_file", text, hint));
    }
}

/// The word in the config for keeping all keys, beside Redis' own.
const KEEP_ALL: &str = "none";

/// Whether the policy is [`KEEP_ALL`] or one of the names that the store knows.
pub(super) fn check_eviction(settings: &Settings, evictions: &[&str], problems: &mut Vec<Problem>) {
    let name = settings.eviction.as_str();
    if name == KEEP_ALL || evictions.contains(&name) {
        return;
    }
    let text = format!("eviction {name:?} is not possible");
    let hint = format!(
        "give \"{KEEP_ALL}\", with which a write that finds memory full is answered with an error, or one of {}",
        evictions.join(", ")
    );
    problems.push(Problem::at("/settings/eviction", text, hint));
}

/// Whether the letters of keyspace events are known.
pub(super) fn check_events(settings: &Settings, problems: &mut Vec<Problem>) {
    let letters = settings.notify_keyspace_events.as_str();
    if EventMask::parse(letters.as_bytes()).is_none() {
        let text = format!("{letters:?} has a letter that stands for no event");
        let hint = "give letters of \"Ag$lshzxeKEtmdn\": K or E for the channels, and a letter a class, A for most";
        problems.push(Problem::at("/settings/notify_keyspace_events", text, hint));
    }
}

pub(super) fn check_settings(settings: &Settings, problems: &mut Vec<Problem>) {
    let limits = &settings.limits;
    let segment_bytes = settings.segment_bytes.bytes();
    if !segment_bytes.is_power_of_two() {
        let text = format!("{} is no power of two", settings.segment_bytes);
        let hint = "give a power of two from 1MiB to 64MiB";
        problems.push(Problem::at("/settings/segment_bytes", text, hint));
    }
    let second = u64::from;
    let speed = settings.snapshot.bytes_a_second.as_ref();
    let move_speed = settings.moves.bytes_a_second.as_ref();
    for (pointer, value, minimum, maximum) in [
        (
            "/settings/sync_interval_ms",
            second(settings.sync_interval_ms),
            1,
            second(SYNC_INTERVAL_MS_MAX),
        ),
        ("/settings/segment_bytes", segment_bytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
        ("/settings/limits/clients", second(limits.clients), 1, second(CLIENTS_MAX)),
        (
            "/settings/limits/idle_timeout_s",
            second(limits.idle_timeout_s),
            0,
            second(IDLE_TIMEOUT_S_MAX),
        ),
        (
            "/settings/limits/output_bytes",
            limits.output_bytes.bytes(),
            OUTPUT_BYTES_MIN,
            MEMORY_BYTES_MAX,
        ),
        (
            "/settings/limits/pubsub_output/hard_bytes",
            limits.pubsub_output.hard_bytes.bytes(),
            0,
            MEMORY_BYTES_MAX,
        ),
        (
            "/settings/limits/pubsub_output/soft_bytes",
            limits.pubsub_output.soft_bytes.bytes(),
            0,
            MEMORY_BYTES_MAX,
        ),
        (
            "/settings/limits/pubsub_output/soft_s",
            second(limits.pubsub_output.soft_s),
            0,
            second(PUBSUB_SOFT_S_MAX),
        ),
        (
            "/settings/limits/value_bytes",
            limits.value_bytes.bytes(),
            VALUE_BYTES_MIN,
            VALUE_BYTES_MAX,
        ),
        (
            "/settings/limits/write_timeout_s",
            second(limits.write_timeout_s),
            1,
            second(WRITE_TIMEOUT_S_MAX),
        ),
        (
            "/settings/observe/slowlog_len_max",
            second(settings.observe.slowlog_len_max),
            0,
            second(LOG_LEN_MAX),
        ),
        (
            "/settings/observe/acl_log_len_max",
            second(settings.observe.acl_log_len_max),
            0,
            second(LOG_LEN_MAX),
        ),
        (
            "/settings/observe/slowlog_slower_than_us",
            settings.observe.slowlog_slower_than_us.unwrap_or(0),
            0,
            EPOCH_MAX,
        ),
        ("/settings/snapshot/keep", second(settings.snapshot.keep), 0, second(SNAPSHOTS_KEPT_MAX)),
        (
            "/settings/snapshot/bytes_a_second",
            speed.map_or(SNAPSHOT_BYTES_A_SECOND_MIN, Size::bytes),
            SNAPSHOT_BYTES_A_SECOND_MIN,
            MEMORY_BYTES_MAX,
        ),
        (
            "/settings/move/bytes_a_second",
            move_speed.map_or(MOVE_BYTES_A_SECOND_MIN, Size::bytes),
            MOVE_BYTES_A_SECOND_MIN,
            MEMORY_BYTES_MAX,
        ),
    ] {
        if !(minimum..=maximum).contains(&value) {
            let text = format!("{value} is out of range");
            problems.push(Problem::at(pointer, text, format!("give {minimum} to {maximum}")));
        }
    }
}

/// Whether what is only shown back is no more than that.
pub(super) fn check_shown_back(settings: &Settings, problems: &mut Vec<Problem>) {
    let shown = &settings.redis;
    let is_long = |text: &str| text.len() > SHOWN_BACK_BYTES_MAX;
    if shown.len() > SHOWN_BACK_MAX
        || shown.iter().any(|(name, text)| is_long(name) || is_long(text))
    {
        let text = "more is kept for parameters without meaning than can be shown back";
        let hint = format!("keep at most {SHOWN_BACK_MAX} of {SHOWN_BACK_BYTES_MAX} bytes each");
        problems.push(Problem::at("/settings/redis", text, hint));
    }
}

/// Checks that every core can hold its segments; returns the memory for data.
pub(super) fn check_memory(
    config: &Config,
    core_count: usize,
    machine: &Machine,
    problems: &mut Vec<Problem>,
) -> u64 {
    let pointer = "/settings/memory_bytes_max";
    let given = config.settings.memory_bytes_max.as_ref();
    let bytes = given.map_or_else(|| machine.memory_bytes_default(), Size::bytes);
    let segment_bytes = config.settings.segment_bytes.bytes();
    let needed = segment_bytes
        .saturating_mul(SEGMENTS_A_CORE_MIN)
        .saturating_mul(u64::try_from(core_count.max(1)).unwrap_or(u64::MAX));
    if bytes > MEMORY_BYTES_MAX {
        let text = format!("{bytes} is out of range");
        problems.push(Problem::at(pointer, text, format!("give at most {MEMORY_BYTES_MAX}")));
    } else if bytes < needed {
        let text = format!(
            "{bytes} bytes are less than {SEGMENTS_A_CORE_MIN} segments of {segment_bytes} bytes for each of {core_count} cores"
        );
        let hint = format!(
            "give at least {needed}, or smaller /settings/segment_bytes, or fewer /nodes/0/cores"
        );
        problems.push(Problem::at(pointer, text, hint));
    }
    bytes
}

pub(super) fn warnings(memory_bytes_max: u64, machine: &Machine) -> Vec<String> {
    if memory_bytes_max <= machine.memory_bytes {
        return Vec::new();
    }
    vec![format!(
        "/settings/memory_bytes_max is {memory_bytes_max} bytes and this machine or its control group has {}; \
         the kernel may stop the node when data grows past that",
        machine.memory_bytes
    )]
}
