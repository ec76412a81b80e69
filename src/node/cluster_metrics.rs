//! Owns what `/metrics` answers of the cluster: who is reached, who leads, what moves.

use super::metrics::Page;
use crate::cluster::Known;

/// The lines of a node that belongs to a cluster.
pub(super) fn cluster_metrics(known: &Known) -> String {
    let mut page = Page(String::new());
    let (config, seen) = (known.state.config(), &known.seen);
    page.head("peer_up", "gauge", "Whether this node has a link to the other one.");
    for node in config.nodes.iter().filter(|node| node.id.0 != seen.own) {
        // A quote or a backslash would end the label.
        let name = node.name.replace(['\\', '"', '\n'], "_");
        let is_up = known.is_reached(node.id);
        page.line("peer_up", &format!("{{node=\"{name}\"}}"), u64::from(is_up));
    }
    let mut gauge = |name: &str, help: &str, value: usize| {
        page.head(name, "gauge", help);
        page.line(name, "", value as u64);
    };
    gauge("partitions", "Partitions of the cluster.", known.leaders.len());
    gauge("partitions_led", "Partitions that this node leads.", seen.led);
    gauge(
        "partitions_without_leader",
        "Partitions that nobody leads, as far as this node knows: their keys are not served.",
        seen.leaderless,
    );
    gauge(
        "replicas_to_move",
        "Copies that are to be made because nodes or their number change.",
        known.replicas_to_move(),
    );
    gauge(
        "leads_to_move",
        "Partitions that another node leads than the one that should.",
        known.leads_to_move(),
    );
    gauge(
        "config_has_leader",
        "Whether this node knows who leads the group that holds the config.",
        usize::from(known.leader.is_some()),
    );
    let help = "How often a partition has got another leader, or one again, as this node has seen.";
    page.head("lead_changes_total", "counter", help);
    page.line("lead_changes_total", "", seen.lead_changes);
    page.0
}
