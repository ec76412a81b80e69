//! What a node decides from what it has and what others say: the marks of folders, the votes that answer, the newest config.

use std::collections::BTreeMap;

use hyperion_cluster::config::{Config, Durability, Node, Settings};
use hyperion_cluster::start::Start;
use hyperion_cluster::state::ClusterState;

use crate::cluster::Member;
use crate::cluster::formation::{Mark, Members};
use crate::cluster::settling::{Own, Report, Verdict, judge};
use crate::config::tests::Folder;

fn uuid(number: u32) -> String {
    format!("0000000{number}-bbbb-4ccc-8ddd-eeeeeeeeeeee")
}

fn config(count: u32) -> Config {
    let node = |number: u32| {
        let mut node = Node::first(&format!("n{number}"), uuid(number));
        node.id = hyperion_cluster::NodeId(number);
        node
    };
    let mut config =
        Config::single("n1", "11111111-2222-4333-8444-555555555555".to_owned(), uuid(1));
    config.nodes = (1..=count).map(node).collect();
    config.mode = "duplication".to_owned();
    (config.replication, config.settings) = (count, Settings::default());
    config
}

fn mark(number: u32, members: Option<&Members>) -> Mark {
    let incarnation = format!("folder-{number}");
    Mark { uuid: uuid(number), incarnation, members: members.cloned(), grown_epoch: None }
}

fn members(count: u32) -> Members {
    (1..=count).map(|number| (uuid(number), format!("folder-{number}"))).collect()
}

fn formed(count: u32) -> ClusterState {
    ClusterState::form(&ClusterState::form_command(&config(count))).expect("a config")
}

/// The same, one config later.
fn later(state: &ClusterState) -> ClusterState {
    let mut next = state.config().next();
    next.settings.durability = Durability::Never;
    let mut later = state.clone();
    later.apply(&state.set_command(next, None));
    later
}

fn reports(said: impl IntoIterator<Item = Report>) -> BTreeMap<String, Report> {
    said.into_iter().map(|report| (report.mark.uuid.clone(), report)).collect()
}

fn new(number: u32, config: &Config) -> Report {
    Report { mark: mark(number, None), config: Some(Box::new(config.clone())), state: None }
}

fn of_cluster(number: u32, members: &Members, state: &ClusterState) -> Report {
    Report { mark: mark(number, Some(members)), config: None, state: Some(Box::new(state.clone())) }
}

#[track_caller]
fn waits(verdict: &Verdict<'_>, text: &str) {
    match verdict {
        Verdict::Row(Start::Wait { sentence, .. }, None) => {
            assert!(sentence.contains(text), "{text}: {sentence}");
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_cluster_is_formed_when_all_say_so_and_not_before() {
    let (config, own) = (config(3), mark(1, None));
    let own = Own { config: &config, mark: &own, agreed: None };
    waits(&judge(own, &reports([new(2, &config)])), "have 2 of 3");
    let all = reports([new(2, &config), new(3, &config)]);
    assert!(matches!(judge(own, &all), Verdict::Row(Start::FormFirst, None)));
    let mut other = config.clone();
    other.settings.sync_interval_ms = 7;
    let mixed = reports([new(2, &config), new(3, &other)]);
    let verdict = judge(own, &mixed);
    assert!(matches!(verdict, Verdict::Row(Start::Conflict { .. }, None)), "{verdict:?}");
}

#[test]
fn who_hears_that_it_was_counted_on_belongs_to_the_cluster() {
    let (state, members) = (formed(3), members(3));
    let (own, file) = (mark(2, None), config(3));
    let own = Own { config: &file, mark: &own, agreed: None };
    let said = reports([of_cluster(1, &members, &state)]);
    assert!(matches!(judge(own, &said), Verdict::Founded(found, _) if *found == members));
}

#[test]
fn a_folder_that_was_emptied_is_known() {
    let (state, mut members) = (formed(3), members(3));
    members.insert(uuid(2), "another folder".to_owned());
    let (own, file) = (mark(2, None), config(3));
    let own = Own { config: &file, mark: &own, agreed: None };
    let said = reports([of_cluster(1, &members, &state)]);
    let verdict = judge(own, &said);
    assert!(
        matches!(&verdict, Verdict::Row(Start::Refuse(sentence), None) if sentence.contains("another data folder")),
        "{verdict:?}"
    );
}

#[test]
fn a_majority_of_the_voters_is_asked_and_the_newest_counts() {
    let (state, members) = (formed(3), members(3));
    let newer = later(&state);
    let own = mark(1, Some(&members));
    let own = Own { config: state.config(), mark: &own, agreed: Some(&state) };
    waits(&judge(own, &reports([])), "waiting for majority: have 1 of 3");
    let said = reports([of_cluster(2, &members, &state)]);
    assert!(matches!(judge(own, &said), Verdict::Row(Start::Serve, Some(_))));
    let said = reports([of_cluster(2, &members, &newer)]);
    match judge(own, &said) {
        Verdict::Row(Start::TakeCluster(config), Some((state, _))) => {
            assert_eq!((&*config, state), (newer.config(), &newer));
        }
        other => panic!("{other:?}"),
    }
    // Who is no voter, or does not belong to the cluster yet, answers for nobody.
    let said = reports([new(2, state.config()), of_cluster(9, &members, &newer)]);
    waits(&judge(own, &said), "waiting for majority: have 1 of 3");
}

#[test]
fn a_newcomer_asks_a_majority_too_and_belongs_to_the_cluster_once_it_is_named() {
    let (state, members) = (formed(3), members(3));
    let entry = config(4).nodes[3].clone();
    let next = hyperion_cluster::change::announce(state.config(), entry).expect("it may join");
    let own = mark(4, None);
    let own = Own { config: &next, mark: &own, agreed: None };
    waits(&judge(own, &reports([])), "waiting for the cluster that made the config of epoch 2");
    let one = of_cluster(1, &members, &state);
    waits(&judge(own, &reports([one.clone()])), "waiting for majority: have 1 of 3");
    let said = reports([one.clone(), of_cluster(2, &members, &state)]);
    let verdict = judge(own, &said);
    assert!(matches!(verdict, Verdict::Row(Start::Announce(_), Some(_))), "{verdict:?}");
    let mut with = state.clone();
    with.apply(&state.set_command(next.clone(), None));
    let said = reports([one, of_cluster(2, &members, &with)]);
    let verdict = judge(own, &said);
    assert!(matches!(verdict, Verdict::Row(Start::Serve, Some(_))), "{verdict:?}");
}

#[test]
fn groups_are_founded_once_and_by_those_that_were_there() {
    let folder = Folder::new();
    let member = Member::open(folder.path(), &uuid(1), 0x1).expect("a folder");
    let state = formed(3);
    assert_eq!(member.founding(), None, "nothing is formed");
    let mut with = members(3);
    let own = member.formation().mark().incarnation.clone();
    with.insert(uuid(1), own);
    member.agreed.set(state.clone()).expect("written");
    member.formation().join(with.clone()).expect("written");
    assert_eq!(member.founding().as_deref(), Some(&state));
    // A start finds it again, until a config has followed the first one.
    let member = Member::open(folder.path(), &uuid(1), 0x2).expect("a folder");
    assert_eq!(member.founding().as_deref(), Some(&state));
    member.agreed.set(later(&state)).expect("written");
    assert_eq!(member.founding(), None, "group 0 places them");

    // One that came later was not there.
    let folder = Folder::new();
    let member = Member::open(folder.path(), &uuid(4), 0x3).expect("a folder");
    member.agreed.set(state).expect("written");
    member.formation().join(with).expect("written");
    assert_eq!(member.founding(), None);
}
