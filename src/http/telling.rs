//! Owns what the log is told of a change of the config: which fields, and who asked for it; never what is in them.

use super::request::PEER;
use crate::config::Accepted;

/// Fields that are named.
const NAMED_MAX: usize = 16;

/// Tells the log of a config that was taken, if anything in it is new.
pub(super) fn tell(accepted: &Accepted, by: &str) {
    let Accepted { config, changed_live, needs_restart, .. } = accepted;
    if let Some(fields) = fields(changed_live, needs_restart) {
        tracing::info!("the config of epoch {} is in force, by {by}: {fields}", config.epoch);
    }
}

/// Who asks by HTTP.
pub(super) fn asker(request: &tiny_http::Request) -> String {
    let peer = request.headers().iter().find(|header| header.field.equiv(PEER));
    let peer = peer.map_or("a client", |header| header.value.as_str());
    let path = request.url().split('?').next().unwrap_or_default();
    format!("{} {path} of {peer}", request.method())
}

fn fields(live: &[String], at_start: &[String]) -> Option<String> {
    let listed = |what: &str, pointers: &[String]| {
        let named: Vec<&str> = pointers.iter().take(NAMED_MAX).map(String::as_str).collect();
        let rest = pointers.len() - named.len();
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        (!named.is_empty()).then(|| format!("{what} {}{more}", named.join(", ")))
    };
    let parts = [listed("changed", live), listed("from the next start on", at_start)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_up_to_a_number() {
        let many: Vec<String> = (0..20).map(|number| format!("/{number}")).collect();
        assert_eq!(fields(&[], &[]), None);
        assert_eq!(fields(&many[..2], &[]).unwrap(), "changed /0, /1");
        let both = fields(&many[..1], &many[1..2]).unwrap();
        assert_eq!(both, "changed /0; from the next start on /1");
        assert!(fields(&many, &[]).unwrap().ends_with("/15 and 4 more"));
    }
}
