//! Owns what a config says of TLS: the files, who shows a certificate, and how nodes change from plain links to it.

use serde::{Deserialize, Serialize};

use super::document::Config;
use super::limits::PEER_SECRET_PATH_BYTES_MAX as PATH_BYTES_MAX;
use super::problem::Problem;

/// How connections are secured. The addresses are each node's own: `resp_tls` and `http_tls`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate of the node in PEM, and those between it and the authority; the same path on each node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<String>,
    /// Its key in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// The authorities that certificates of others must be signed by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Whether clients show a certificate, on the addresses for Redis and for HTTP.
    pub client_auth: ClientAuth,
    /// Whether nodes speak TLS with each other.
    pub peers: PeerTls,
}

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    No,
    /// They may; what they show must be right.
    Optional,
    /// They must.
    Required,
}

/// Whether nodes speak TLS with each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerTls {
    /// They do not, and refuse it.
    #[default]
    Off,
    /// They take both, and dial without it: a step on the way.
    Allowed,
    /// They must.
    Required,
}

impl Tls {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a client without a certificate is kept out.
    pub(super) fn keeps_strangers_out(&self) -> bool {
        self.client_auth == ClientAuth::Required
    }
}

/// What is wrong with it, wherever it is looked at: the files are read by each node.
pub(super) fn check(config: &Config, problems: &mut Vec<Problem>) {
    let tls = &config.settings.tls;
    let files =
        [("cert_file", &tls.cert_file), ("key_file", &tls.key_file), ("ca_file", &tls.ca_file)];
    for (field, path) in files {
        let is_bad =
            |path: &String| path.is_empty() || path.contains('\0') || path.len() > PATH_BYTES_MAX;
        if let Some(path) = path.as_ref().filter(|path| is_bad(path)) {
            let text = format!("{path:?} is no path of a file");
            let hint = format!("give a path of 1 to {PATH_BYTES_MAX} bytes, or leave it out");
            problems.push(Problem::at(format!("/settings/tls/{field}"), text, hint));
        }
    }
    let mut wanted = |field: &str, is_there: bool, why: &str, hint: &str| {
        if !is_there {
            let pointer = format!("/settings/tls/{field}");
            problems.push(Problem::at(pointer, format!("it is not there, and {why}"), hint));
        }
    };
    let (cert, key) = (tls.cert_file.is_some(), tls.key_file.is_some());
    let hint = "give the certificate and its key, or neither";
    if key {
        wanted("cert_file", cert, "key_file is", hint);
    }
    if cert {
        wanted("key_file", key, "cert_file is", hint);
    }
    let has_address =
        config.nodes.iter().any(|node| node.resp_tls.is_some() || node.http_tls.is_some());
    if has_address && !key {
        let hint = "give cert_file and key_file, or take resp_tls and http_tls away";
        wanted("cert_file", cert, "a node listens for TLS", hint);
    }
    let authority = "give the certificate of the authority that signs them";
    if tls.client_auth != ClientAuth::No {
        wanted("ca_file", tls.ca_file.is_some(), "clients show certificates", authority);
    }
    if tls.peers != PeerTls::Off {
        if !key {
            wanted("cert_file", cert, "peers speak TLS", "give cert_file and key_file");
        }
        wanted("ca_file", tls.ca_file.is_some(), "peers speak TLS", authority);
    }
}

/// Why a change would cut the nodes off from each other while it spreads; none when it would not.
pub(crate) fn check_step(now: &Config, next: &Config) -> Option<Problem> {
    // A node that is alone has nobody to be cut off from.
    if now.is_alone() {
        return None;
    }
    let (now, next) = (now.settings.tls.peers, next.settings.tls.peers);
    let is_leap = matches!(
        (now, next),
        (PeerTls::Off, PeerTls::Required) | (PeerTls::Required, PeerTls::Off)
    );
    is_leap.then(|| {
        Problem::at(
            "/settings/tls/peers",
            "nodes that speak TLS and nodes that do not would not reach each other while the change spreads",
            "set it to \"allowed\" first, and to this when every node has that in force",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{EVICTIONS, cluster};
    use super::super::{fields_above, problems};
    use super::*;

    fn pointers(edit: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = cluster(3, 3);
        edit(&mut config);
        problems(&config, &EVICTIONS).into_iter().map(|problem| problem.pointer).collect()
    }

    fn file(name: &str) -> Option<String> {
        Some(format!("/etc/hyperion/{name}"))
    }

    #[test]
    fn what_belongs_together_is_there_together() {
        let pair = |tls: &mut Tls| (tls.cert_file, tls.key_file) = (file("cert"), file("key"));
        let none: [&str; 0] = [];
        assert_eq!(pointers(|_| {}), none);
        assert_eq!(pointers(|c| pair(&mut c.settings.tls)), none);
        assert_eq!(pointers(|c| c.settings.tls.ca_file = file("ca")), none);
        for (edit, expected) in [
            (
                (|tls: &mut Tls| tls.cert_file = file("cert")) as fn(&mut Tls),
                &["/settings/tls/key_file"][..],
            ),
            (|tls| tls.key_file = file("key"), &["/settings/tls/cert_file"]),
            (|tls| tls.ca_file = Some(String::new()), &["/settings/tls/ca_file"]),
            (|tls| tls.ca_file = Some("x".repeat(5_000)), &["/settings/tls/ca_file"]),
            (|tls| tls.client_auth = ClientAuth::Optional, &["/settings/tls/ca_file"]),
            (
                |tls| tls.peers = PeerTls::Allowed,
                &["/settings/tls/cert_file", "/settings/tls/ca_file"],
            ),
        ] {
            assert_eq!(pointers(|c| edit(&mut c.settings.tls)), expected);
        }
        let at = |config: &mut Config| config.nodes[1].resp_tls = Some("127.0.0.1:9999".to_owned());
        assert_eq!(pointers(at), ["/settings/tls/cert_file"]);
        let both = |config: &mut Config| {
            at(config);
            pair(&mut config.settings.tls);
        };
        assert_eq!(pointers(both), none);
        let twice = |config: &mut Config| {
            both(config);
            config.nodes[1].http_tls = config.nodes[1].resp_tls.clone();
        };
        assert_eq!(pointers(twice), ["/nodes/1/http_tls"], "a port is taken once");
    }

    /// What other machines reach wants a password, or certificates that take its place.
    #[test]
    fn an_open_address_is_guarded() {
        let open = |client_auth| {
            pointers(|config| {
                let tls = &mut config.settings.tls;
                (tls.cert_file, tls.key_file, tls.ca_file) =
                    (file("cert"), file("key"), file("ca"));
                tls.client_auth = client_auth;
                config.nodes[0].resp_tls = Some("10.0.0.1:9999".to_owned());
            })
        };
        assert_eq!(open(ClientAuth::Optional), ["/nodes/0/resp_tls"]);
        assert!(open(ClientAuth::Required).is_empty());
    }

    #[test]
    fn nodes_go_over_in_two_steps() {
        let all = [PeerTls::Off, PeerTls::Allowed, PeerTls::Required];
        for (at, from) in all.into_iter().enumerate() {
            for (to_at, to) in all.into_iter().enumerate() {
                let (mut now, mut next) = (cluster(3, 3), cluster(3, 3));
                (now.settings.tls.peers, next.settings.tls.peers) = (from, to);
                assert_eq!(
                    check_step(&now, &next).is_some(),
                    at.abs_diff(to_at) > 1,
                    "{from:?} {to:?}"
                );
            }
        }
    }

    #[test]
    fn without_it_the_config_is_what_it_was() {
        let (now, mut next) = (cluster(3, 3), cluster(3, 3));
        assert!(!now.to_text().contains("tls"));
        next.settings.tls.cert_file = file("cert");
        assert!(next.to_text().contains("\"tls\""));
        assert!(fields_above(2, &now, &next).is_empty());
    }
}
