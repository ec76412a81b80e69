//! Tests of a keeper that belongs to a cluster: what is agreed comes before the file, whoever tells it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hyperion_cluster::config::Node;
use hyperion_cluster::state::ClusterState;

use super::{Folder, config, machine};
use crate::cluster::{Member, agreed_in};
use crate::config::keeper::{Keeper, Refused};
use crate::config::load::load;
use crate::config::overrides::Overrides;
use crate::config::{Config, file};

/// Two nodes; this one is the second.
fn two() -> Config {
    let mut config = config();
    let mut second = Node::first("b", "0000000b-bbbb-4ccc-8ddd-eeeeeeeeeeee".to_owned());
    (second.id.0, second.cores) = (2, "0".to_owned());
    (second.resp, second.http) = ("127.0.0.1:8379".to_owned(), "127.0.0.1:8380".to_owned());
    second.peer = Some("127.0.0.1:8381".to_owned());
    second.resp_cores = 8400;
    config.nodes.push(second);
    "sharding".clone_into(&mut config.mode);
    config
}

fn keeper_at(path: &Path, data: &Path, config: &Config) -> (Keeper, Arc<Member>) {
    file::write_atomically(path, config.to_text().as_bytes()).expect("the folder is there");
    let overrides = Overrides { node: Some("b".to_owned()), ..Overrides::default() };
    let mut keeper = Keeper::new(path, config.clone(), overrides, machine()).expect("it is right");
    let member = Arc::new(Member::open(data, &config.nodes[1].uuid, 7).expect("a folder"));
    keeper.belong_to(Arc::clone(&member));
    (keeper, member)
}

/// What is agreed, some configs later.
fn later(state: &ClusterState, intervals: &[u32]) -> ClusterState {
    let mut state = state.clone();
    for &interval in intervals {
        let mut next = state.config().next();
        next.settings.sync_interval_ms = interval;
        state = with(&state, next);
    }
    state
}

/// What is agreed, and the next config.
fn with(state: &ClusterState, next: Config) -> ClusterState {
    let mut state = state.clone();
    let command = state.set_command(next, None);
    state.apply(&command);
    state
}

#[test]
fn what_is_learnt_replaces_the_file_however_far_it_is_ahead() {
    let folder = Folder::new();
    let (path, first) = (folder.file("config.json"), two());
    let (mut keeper, member) = keeper_at(&path, folder.path(), &first);
    let formed = ClusterState::form(&ClusterState::form_command(&first)).expect("a config");
    member.agreed.set(formed.clone()).expect("written");
    let newest = later(&formed, &[7, 8, 9]);

    let accepted = keeper.learn(&newest, false).expect("it fits").expect("it is new");
    assert_eq!(accepted.changed_live, ["/epoch", "/settings/sync_interval_ms"]);
    assert_eq!(&load(&path).expect("written"), newest.config());
    assert_eq!(agreed_in(folder.path()).expect("written"), Some(newest.clone()));
    assert_eq!(load(&folder.file("config.1.json")).expect("kept"), first);
    assert!(!folder.file("config.json.bak").exists());
    // Once more, and an older one: nothing.
    assert!(keeper.learn(&newest, false).expect("it fits").is_none());
    assert!(keeper.learn(&later(&formed, &[7]), false).expect("it fits").is_none());
    assert_eq!(keeper.current().hash, newest.hash());
    assert!(keeper.was_in_force(2, later(&formed, &[7]).hash()));
    assert!(!keeper.was_in_force(2, later(&formed, &[8]).hash()));

    // What takes the place of an edited file keeps that.
    let mut edited = newest.config().clone();
    edited.settings.sync_interval_ms = 99;
    let (mut keeper, _) = keeper_at(&path, folder.path(), &edited);
    keeper.learn(&newest, true).expect("it fits").expect("it is new");
    assert_eq!(load(&folder.file("config.json.bak")).expect("kept"), edited);
    assert_eq!(&load(&path).expect("written"), newest.config());
    assert!(!folder.file("config.4.json").exists(), "it was never in force");
}

#[test]
fn what_is_agreed_is_written_before_the_file() {
    let folder = Folder::new();
    let (path, first) = (folder.file("config.json"), two());
    let (mut keeper, member) = keeper_at(&path, folder.path(), &first);
    let formed = ClusterState::form(&ClusterState::form_command(&first)).expect("a config");
    member.agreed.set(formed.clone()).expect("written");
    // The file cannot be written: a folder stands where the new one is made.
    fs::create_dir_all(folder.file(".config.json.new")).expect("the folder is ours");
    let next = later(&formed, &[7]);
    let refused = keeper.learn(&next, false);
    assert!(matches!(refused, Err(Refused::NotWritable { .. })), "{refused:?}");
    assert_eq!(agreed_in(folder.path()).expect("written"), Some(next.clone()));
    assert_eq!(load(&path).expect("as before"), first);
    // With room again, the same is taken.
    fs::remove_dir(folder.file(".config.json.new")).expect("the folder is ours");
    keeper.learn(&next, false).expect("it fits").expect("it is new");
    assert_eq!(&load(&path).expect("written"), next.config());
}

#[test]
fn a_node_may_be_renamed_and_not_forgotten() {
    let folder = Folder::new();
    let (path, first) = (folder.file("config.json"), two());
    let (mut keeper, member) = keeper_at(&path, folder.path(), &first);
    let formed = ClusterState::form(&ClusterState::form_command(&first)).expect("a config");
    member.agreed.set(formed.clone()).expect("written");
    let mut next = formed.config().next();
    "c".clone_into(&mut next.nodes[1].name);
    let next = with(&formed, next);
    let accepted = keeper.learn(&next, false).expect("it fits").expect("it is new");
    assert_eq!(accepted.resolved.node().name, "c");
    assert_eq!(accepted.resolved.resp.port(), 8379, "it is the same node");
    let mut gone = keeper.current().next();
    gone.nodes.pop();
    "single".clone_into(&mut gone.mode);
    let refused = keeper.learn(&with(&next, gone), false).expect_err("it is not there");
    assert!(matches!(refused, Refused::Invalid(_)), "{refused:?}");
}
