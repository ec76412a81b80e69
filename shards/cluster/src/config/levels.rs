//! Owns which fields of a config want which level of features: a field is used when every node knows it.

use super::document::Config;

/// The fields that nodes of an older level do not know, with the level that does. Fields that are not here are known to all.
const LEVELS: &[(&str, u16)] = &[
    ("/settings/compression", 2),
    ("/settings/functions", 2),
    ("/settings/limits/pubsub_output", 2),
    ("/settings/notify_keyspace_events", 2),
    ("/settings/reads", 2),
    ("/settings/tls", 2),
];

/// The fields that `next` has, `now` has not, and a node of `level` does not know.
///
/// # Panics
/// Never: a config is JSON.
#[must_use]
pub fn fields_above(level: u16, now: &Config, next: &Config) -> Vec<&'static str> {
    let [now, next] =
        [now, next].map(|config| serde_json::to_value(config).expect("a config is JSON"));
    let is_new = |field: &str| next.pointer(field).is_some() && now.pointer(field).is_none();
    LEVELS
        .iter()
        .filter(|(field, wanted)| *wanted > level && is_new(field))
        .map(|(field, _)| *field)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BulkCompression;

    #[test]
    fn a_field_is_new_once() {
        let uuid = "00000001-bbbb-4ccc-8ddd-eeeeeeeeeeee".to_owned();
        let now = Config::single("n1", uuid.clone(), uuid);
        let mut next = now.next();
        assert!(fields_above(1, &now, &next).is_empty());
        next.settings.compression.bulk = BulkCompression::Never;
        assert_eq!(fields_above(1, &now, &next), ["/settings/compression"]);
        assert!(fields_above(2, &now, &next).is_empty());
        assert!(fields_above(1, &next, &next.next()).is_empty(), "it is in use already");
        assert!(fields_above(1, &next, &now).is_empty(), "it goes");
    }
}
