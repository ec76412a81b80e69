//! Owns the reading of certificates and keys while the node runs: with each config that is taken, also with the one that is in force.

use std::sync::Arc;

use hyperion_cluster::config::Settings;

use super::keeper::{Accepted, Keeper, Refused};
use super::look::By;
use super::tls::NodeTls;
use crate::config::Problem;

/// What is told to have changed when the files did and the config did not.
const FILES: &str = "/settings/tls/cert_file";

impl Keeper {
    /// The very config that is in force came again: what has changed in the files of TLS is in force from now on.
    ///
    /// Errors: they cannot be used; what was read before stays in force.
    pub(crate) fn reload(&self) -> Result<Accepted, Refused> {
        let published = self.published();
        let (before, current) = (published.tls(), self.current());
        let settings = &current.resolved.settings().tls;
        let now = NodeTls::read(settings, before.as_ref())
            .map_err(|problem| Refused::Invalid(vec![problem]))?;
        let mut accepted = self.unchanged();
        if !is_same(before.as_ref(), now.as_ref()) {
            published.set_tls(now);
            tracing::info!(
                "the files of /settings/tls have changed: new connections are secured by what they hold now"
            );
            accepted.changed_live.push(FILES.to_owned());
        }
        Ok(accepted)
    }

    /// What TLS will be spoken with under other settings. Where they say the same of it as before and the files cannot be used, and where
    /// the cluster has agreed on them, what is in force stays.
    ///
    /// Errors: the files that a person names cannot be used.
    pub(super) fn look_at_tls(
        &self,
        settings: &Settings,
        by: By,
    ) -> Result<Option<Arc<NodeTls>>, Problem> {
        let (before, current) = (self.published().tls(), self.current());
        match NodeTls::read(&settings.tls, before.as_ref()) {
            Err(problem)
                if by == By::Cluster || settings.tls == current.resolved.settings().tls =>
            {
                tracing::error!("{problem}; what was read before stays in force");
                Ok(before)
            }
            read => read,
        }
    }
}

fn is_same(left: Option<&Arc<NodeTls>>, right: Option<&Arc<NodeTls>>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => Arc::ptr_eq(left, right),
        _ => false,
    }
}
