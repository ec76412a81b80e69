//! Owns what becomes of a time on its way through each serializer: kept to the nanosecond, changed, or refused.

use std::time::{Duration, SystemTime};

use prost::Message;
use prost_types::Timestamp;
use rkyv::rancor;
use speedy::{LittleEndian, Readable, Writable};

use crate::data::serialized;
use crate::report::Report;

serialized! {
    /// A struct with nothing but a time.
    struct Moment {
        #[rkyv(with = rkyv::with::AsUnixTime)]
        at: SystemTime,
    }
}

/// The time as most JSON has it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Seconds {
    at: f64,
}

type Way = (&'static str, fn(SystemTime) -> Option<SystemTime>);

const WAYS: [Way; 7] = [
    ("speedy", |at| {
        let bytes = Moment { at }.write_to_vec_with_ctx(LittleEndian {}).ok()?;
        Some(Moment::read_from_buffer_with_ctx(LittleEndian {}, &bytes).ok()?.at)
    }),
    ("serde_json", |at| {
        let bytes = serde_json::to_vec(&Moment { at }).ok()?;
        Some(serde_json::from_slice::<Moment>(&bytes).ok()?.at)
    }),
    ("serde_json, seconds as a number", |at| {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let bytes = serde_json::to_vec(&Seconds { at: since.as_secs_f64() }).ok()?;
        let back = serde_json::from_slice::<Seconds>(&bytes).ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(back.at).ok()?)
    }),
    ("bincode", |at| {
        let config = bincode::config::standard();
        let bytes = bincode::encode_to_vec(Moment { at }, config).ok()?;
        Some(bincode::decode_from_slice::<Moment, _>(&bytes, config).ok()?.0.at)
    }),
    ("postcard", |at| {
        let bytes = postcard::to_stdvec(&Moment { at }).ok()?;
        Some(postcard::from_bytes::<Moment>(&bytes).ok()?.at)
    }),
    ("prost", |at| {
        let bytes = Timestamp::from(at).encode_to_vec();
        Timestamp::decode(bytes.as_slice()).ok()?.try_into().ok()
    }),
    ("rkyv", |at| {
        let bytes = rkyv::to_bytes::<rancor::Error>(&Moment { at }).ok()?;
        Some(rkyv::from_bytes::<Moment, rancor::Error>(&bytes).ok()?.at)
    }),
];

/// The times that are tried, by their names.
fn times() -> [(&'static str, SystemTime); 3] {
    let epoch = SystemTime::UNIX_EPOCH;
    [
        ("2026-11-29 12:00:00.123456789", epoch + Duration::new(1_795_953_600, 123_456_789)),
        ("2300-01-01 00:00:00.999999999", epoch + Duration::new(10_413_792_000, 999_999_999)),
        ("1 ns before 1970", epoch - Duration::from_nanos(1)),
    ]
}

/// A time and what came back of it, in words.
fn outcome(at: SystemTime, back: Option<SystemTime>) -> String {
    let Some(back) = back else { return "refused".to_owned() };
    let away = back.duration_since(at).unwrap_or_else(|error| error.duration());
    if away.is_zero() { "kept".to_owned() } else { format!("lost: {} ns off", away.as_nanos()) }
}

/// Sends each time through each serializer.
pub(crate) fn run(report: &mut Report) {
    for (library, way) in WAYS {
        for (name, at) in times() {
            let outcome = outcome(at, way(at));
            report.add(&[("library", library), ("time", name), ("outcome", &outcome)], &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_this_century_keeps_its_nanoseconds_unless_it_is_a_float() {
        let (_, at) = times()[0];
        for (library, way) in WAYS {
            let expected = if library.contains("number") { "lost" } else { "kept" };
            let outcome = outcome(at, way(at));
            assert!(outcome.starts_with(expected), "{library}: {outcome}");
        }
    }
}
