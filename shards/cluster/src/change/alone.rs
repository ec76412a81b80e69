//! Owns what is left of a cluster whose majority is lost for ever: the config of the one node that goes on, and every group on it alone.

use crate::NodeId;
use crate::config::{Leaving, Role};
use crate::placement::{Placement, Replicas};
use crate::state::{ClusterState, Command, Outcome};

/// The state of the cluster with `survivor` as its only node, one epoch later. All others are in `removed` from then on; `note` stands in the
/// history.
///
/// The mode is `duplication` with one copy: nodes that announce themselves later make copies of everything.
///
/// Errors: a sentence, when the node cannot go on alone.
pub fn left_alone(
    state: &ClusterState,
    survivor: NodeId,
    note: String,
) -> Result<ClusterState, String> {
    let mut next = state.config().next();
    let Some(mut own) = next.node(survivor).cloned() else {
        return Err(format!("node {survivor} is none of the cluster's; recover another one"));
    };
    if own.role == Role::Voter {
        return Err(format!(
            "node {:?} has the role \"voter\" and keeps no data; recover one that does",
            own.name
        ));
    }
    own.leaving = None::<Leaving>;
    let lost = next.nodes.iter().filter(|node| node.id != survivor).map(|node| node.uuid.clone());
    next.removed.extend(lost.collect::<Vec<_>>());
    next.nodes = vec![own];
    "duplication".clone_into(&mut next.mode);
    next.replication = 1;
    let alone = Replicas { voters: vec![survivor], learners: Vec::new() };
    let groups: Vec<(u32, Replicas)> =
        state.placement().numbered().map(|(group, _)| (group, alone.clone())).collect();
    let target =
        Placement { groups: groups.iter().map(|(_, replicas)| replicas.clone()).collect() };
    let mut left = state.clone();
    let set = Command::SetConfig { config: Box::new(next), target, note: Some(note) };
    for command in [set, Command::Found { groups }] {
        match left.apply(&command) {
            Outcome::Set { .. } | Outcome::Stepped => {}
            other => {
                return Err(format!("the config without the lost nodes is refused: {other:?}"));
            }
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::left_alone;
    use crate::NodeId;
    use crate::change::announce;
    use crate::config::tests::{EVICTIONS, cluster, node, uuid};
    use crate::config::{Leaving, Role, problems};
    use crate::state::ClusterState;

    fn formed(nodes: u32, copies: u32) -> ClusterState {
        let config = cluster(nodes, copies);
        ClusterState::form(&ClusterState::form_command(&config)).expect("a form command")
    }

    #[test]
    fn one_node_goes_on_with_everything_and_others_may_join() {
        let before = formed(5, 3);
        let left = left_alone(&before, NodeId(3), "why".to_owned()).expect("it has data");
        let config = left.config();
        assert_eq!(config.epoch, before.config().epoch + 1);
        assert_eq!(config.parent, before.hash());
        assert_eq!(config.removed, [1, 2, 4, 5].map(uuid));
        assert!(left.placement().groups.iter().all(|it| it.voters == [NodeId(3)]));
        assert_eq!(left.moving().count(), 0);
        assert_eq!(left.id_last(), NodeId(5), "numbers are not given again");
        let entry = left.history().entry(config.epoch).expect("it was just made");
        assert_eq!(entry.note.as_deref(), Some("why"));
        assert_eq!(problems(config, &EVICTIONS), []);
        let joined = announce(config, node(6)).expect("the mode takes it");
        assert_eq!((joined.replication, problems(&joined, &EVICTIONS)), (2, Vec::new()));
    }

    #[test]
    fn who_cannot_go_on_alone_is_told() {
        let mut config = cluster(4, 2);
        config.nodes[3].role = Role::Voter;
        config.nodes[0].leaving = Some(Leaving::Drain);
        let state = ClusterState::form(&ClusterState::form_command(&config)).expect("formed");
        let alone = |node| left_alone(&state, NodeId(node), String::new());
        assert!(alone(4).is_err_and(|why| why.contains("keeps no data")));
        assert!(alone(9).is_err_and(|why| why.contains("none of the cluster's")));
        assert_eq!(alone(1).expect("it has data").config().nodes[0].leaving, None);
    }
}
