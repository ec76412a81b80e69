//! Owns how a node that is alone becomes a cluster while it serves: commands wait until every core has finished what it began, the mark is
//! written, and each core founds the groups of its partitions with the keys that they have.
//!
//! The config file decides: until it is there, a start finds a node that is alone; from then on a cluster, whose groups are founded where
//! the log does not have them. What is written before is in the log before the groups, and counts as the state that they begin with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use hyperion_cluster::state::ClusterState;
use hyperion_runtime::{ListenerId, Postboxes, RuntimeOptions};

use super::Io;
use super::core::{Door, NodeCore};
use super::messages::Note;
use super::serving::Unformed;
use super::start::random_bytes;
use super::ticking::GROUP_TICKS;
use crate::cluster::{Member, MemberPlace, Setup, Status};
use crate::config::{Accepted, Config, Growth, Keeper, Problem, Refused, Resolved};
use crate::http::ChangeError;
use crate::peers::Peers;

/// How long cores may take to finish what they began, and to do each later step.
const FINISH_TIME: Duration = Duration::from_secs(2);
const STEP_TIME: Duration = Duration::from_secs(10);
/// How long commands wait for the leads at most.
const OPEN_TIME: Duration = Duration::from_secs(5);

/// What a core begins its groups with.
pub(crate) struct Beginning {
    setup: Setup,
    state: Arc<ClusterState>,
    resolved: Arc<Resolved>,
    seed: u64,
}

/// A step of a core; the last word of each is that it is done.
#[derive(Clone)]
pub(crate) enum Step {
    /// Commands wait from now on. The first core hears peers at this address from now on, and speaks to none.
    Close(SocketAddr),
    /// What was begun is finished.
    Finish,
    /// As before the first step: commands go on.
    GiveUp,
    /// Nothing that was begun waits, and nobody serves the partitions.
    Await,
    /// The groups are founded, and led by this node.
    Found(Arc<Beginning>),
    /// Commands go on.
    Open,
}

/// Takes the word that a step is done, or why it cannot be: a sentence.
pub(crate) type Done = mpsc::Sender<Result<(), String>>;

/// What a core is at.
pub(crate) struct Growing {
    /// What is not done yet, and since when.
    step: Option<(Step, Done)>,
    since: Instant,
    /// What must have been released to be sure that nobody waits for the log.
    position: Option<u64>,
    door: Option<ListenerId>,
}

impl NodeCore {
    /// Takes a step of the way from a node that is alone to a cluster.
    pub(super) fn grow(&mut self, io: &mut Io, step: Step, done: Done) {
        let mut growing = self.growing.take().unwrap_or_else(|| {
            Box::new(Growing { step: None, since: Instant::now(), position: None, door: None })
        });
        (growing.since, growing.position) = (Instant::now(), None);
        let outcome = match &step {
            Step::Close(address) => self.close_gate(io, *address, &mut growing),
            Step::GiveUp => {
                io.tick_every(RuntimeOptions::default().tick_interval);
                if let Some(door) = growing.door {
                    self.doors.retain(|(id, _)| *id != door);
                    io.close_listener(door);
                }
                let _ = done.send(Ok(()));
                return self.retry_held(io);
            }
            Step::Found(beginning) => {
                self.begin_growth(io, beginning);
                Ok(())
            }
            Step::Finish | Step::Await | Step::Open => Ok(()),
        };
        match outcome {
            Ok(()) => growing.step = Some((step, done)),
            Err(sentence) => drop(done.send(Err(sentence))),
        }
        self.growing = Some(growing);
        io.wake_again();
    }

    fn close_gate(
        &mut self,
        io: &mut Io,
        address: SocketAddr,
        growing: &mut Growing,
    ) -> Result<(), String> {
        io.tick_every(RuntimeOptions::default().tick_interval / GROUP_TICKS);
        if self.index == 0 {
            let door = io.listen_tcp(address).map_err(|error| error.to_string())?;
            self.doors.push((door, Door::Peer));
            growing.door = Some(door);
        }
        Ok(())
    }

    /// The partitions of this core are groups from now on.
    fn begin_growth(&mut self, io: &mut Io, beginning: &Beginning) {
        let Beginning { setup, state, resolved, seed } = beginning;
        self.view = Some(Arc::new(setup.view.clone()));
        self.peers = Some(Peers::new(setup.peers_of(self.index)));
        let unformed =
            Unformed { node: setup.node, seed: *seed, may_be_cut: false, found: Vec::new() };
        self.unformed = Some(unformed);
        self.begin_groups(io, Some(state));
        self.apply_config(io, Arc::clone(resolved));
        if self.index == 0 {
            kill_at("founded");
        }
    }

    /// To be called every turn: a step is done when it is so.
    pub(super) fn go_on_growing(&mut self, io: &mut Io) {
        let Some(mut growing) = self.growing.take() else { return };
        let is_done = match &growing.step {
            None => false,
            Some((Step::Close(_) | Step::GiveUp, _)) => true,
            Some((Step::Finish, _)) => self.has_finished(&mut growing),
            Some((Step::Await, _)) => {
                let has_finished = self.has_finished(&mut growing);
                if has_finished {
                    self.engine.await_groups();
                }
                has_finished
            }
            Some((Step::Found(_), _)) => self.engine.leads(false),
            Some((Step::Open, _)) => {
                let is_late = growing.since.elapsed() > OPEN_TIME;
                if is_late {
                    tracing::error!("core {}: not all leads are known here", self.index);
                }
                is_late || self.engine.leads(true)
            }
        };
        if let Some((step, done)) = growing.step.take_if(|_| is_done) {
            // Nobody listens any more when the time is up.
            let _ = done.send(Ok(()));
            if matches!(step, Step::Open) {
                return self.retry_held(io);
            }
        }
        self.growing = Some(growing);
    }

    /// Whether nothing waits for what was begun, here or at the log.
    fn has_finished(&mut self, growing: &mut Growing) -> bool {
        if !self.engine.is_quiet() {
            growing.position = None;
            return false;
        }
        let appended = self.engine.store().appended_position();
        let position = *growing.position.get_or_insert(appended);
        self.engine.released_position() >= position
    }
}

/// What makes a cluster of a node that is alone.
pub(super) struct Grower {
    pub(super) data: Option<std::path::PathBuf>,
    pub(super) place: MemberPlace,
    pub(super) postboxes: Postboxes<Note>,
}

impl Grower {
    /// Makes a cluster of this node, by a config that was checked; the answer when the cluster serves.
    pub(super) fn grow(
        &self,
        keeper: &mut Keeper,
        config: Config,
    ) -> Result<Accepted, ChangeError> {
        let growth = keeper.growth(config).map_err(ChangeError::Refused)?;
        let resolved = growth.resolved();
        let setup =
            Setup::of(resolved, Some(&growth.state)).map_err(|why| invalid("", &why, ""))?;
        let setup = setup.ok_or_else(|| invalid("/mode", "the mode is that of one node", ""))?;
        let (address, uuid) = (setup.address, resolved.node().uuid.clone());
        let peer = format!("/nodes/{}/peer", own_place(&growth));
        tracing::info!("this node becomes a cluster of which it has all: commands wait");
        let since = Instant::now();
        let closed = self.all(&Step::Close(address), STEP_TIME);
        let finished = closed
            .map_err(|why| {
                let hint = "free the address or give another one";
                invalid(&peer, &format!("this node cannot listen on {address}: {why}"), hint)
            })
            .and_then(|()| {
                self.all(&Step::Finish, FINISH_TIME).map_err(|why| {
                    let text = format!("what was begun is not finished: {why}");
                    invalid("/mode", &text, "nothing has changed; send it again in a moment")
                })
            });
        let begun = finished.and_then(|()| self.mark(keeper, growth, &uuid));
        let (accepted, state) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                let _ = self.all(&Step::GiveUp, STEP_TIME);
                return Err(error);
            }
        };
        kill_at("marked");
        let resolved = Arc::clone(&accepted.resolved);
        let beginning = Arc::new(Beginning { setup, state, resolved, seed: draw() });
        let served = self.serve(beginning);
        served.map_err(|why| ChangeError::NotApplied(format!("the groups do not begin: {why}")))?;
        tracing::info!(
            "this node is a cluster: commands waited {} ms",
            since.elapsed().as_millis()
        );
        Ok(accepted)
    }

    /// Writes down that this node is a cluster: what is agreed and the folder's mark first, then the config file, which decides.
    fn mark(
        &self,
        keeper: &mut Keeper,
        growth: Growth,
        uuid: &str,
    ) -> Result<(Accepted, Arc<ClusterState>), ChangeError> {
        let data = self.data.as_ref();
        let data = data.ok_or_else(|| invalid("/settings/storage", "there is no disk", ""))?;
        let state = Arc::new(growth.state.clone());
        let written = || -> std::io::Result<Member> {
            let mut random = [0; 16];
            random_bytes(&mut random)?;
            let member = Member::open(data, uuid, u128::from_le_bytes(random))?;
            kill_at("opened");
            member.agreed.set(ClusterState::clone(&state))?;
            kill_at("agreed");
            member.formation().grow(state.config().epoch)?;
            kill_at("formed");
            Ok(member)
        };
        let member = written().map_err(|error| {
            let sentence = format!(
                "formation.json and cluster.json cannot be written to {}: {error}; let the node write its data folder and send it again",
                data.display()
            );
            ChangeError::Refused(Refused::NotWritable { full: false, sentence })
        })?;
        let member = Arc::new(member);
        let accepted = keeper.grow(growth, Arc::clone(&member)).map_err(ChangeError::Refused)?;
        member.standing.set(Status::Serves);
        let _ = self.place.set(member);
        Ok((accepted, state))
    }

    /// The groups of the other cores first: group 0, which is the first core's, changes where they are.
    fn serve(&self, beginning: Arc<Beginning>) -> Result<(), String> {
        self.all(&Step::Await, STEP_TIME)?;
        let cores = self.postboxes.cores();
        let found = Step::Found(beginning);
        self.step(1..cores, &found, STEP_TIME)?;
        kill_at("others");
        self.step(0..1, &found, STEP_TIME)?;
        kill_at("led");
        self.all(&Step::Open, STEP_TIME)
    }

    fn all(&self, step: &Step, time: Duration) -> Result<(), String> {
        self.step(0..self.postboxes.cores(), step, time)
    }

    /// Lets cores do a step.
    ///
    /// Errors: the first that says why not, or that they take too long.
    fn step(
        &self,
        cores: std::ops::Range<usize>,
        step: &Step,
        time: Duration,
    ) -> Result<(), String> {
        let (sender, done) = mpsc::channel();
        let (count, until) = (cores.len(), Instant::now() + time);
        for core in cores {
            let mut note = Note::Grow(step.clone(), sender.clone());
            while let Err(back) = self.postboxes.to(core).post(note) {
                // A full box is emptied within a turn.
                note = back;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        drop(sender);
        for _ in 0..count {
            match done.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(outcome) => outcome?,
                Err(RecvTimeoutError::Timeout) => return Err("a core takes too long".to_owned()),
                Err(RecvTimeoutError::Disconnected) => return Err("a core has ended".to_owned()),
            }
        }
        Ok(())
    }
}

fn own_place(growth: &Growth) -> usize {
    let resolved = growth.resolved();
    let uuid = &resolved.node().uuid;
    resolved.config.nodes.iter().position(|node| node.uuid == *uuid).unwrap_or(0)
}

fn invalid(pointer: &str, problem: &str, hint: &str) -> ChangeError {
    ChangeError::Refused(Refused::Invalid(vec![Problem::at(pointer, problem, hint)]))
}

fn draw() -> u64 {
    let mut bytes = [0; 8];
    // Without it the nodes' elections are less spread, no more.
    let _ = random_bytes(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Ends the process at a place that a test names; builds for use know none.
fn kill_at(place: &str) {
    if cfg!(debug_assertions)
        && std::env::var("HYPERION_TEST_GROWTH_KILL").is_ok_and(|named| named == place)
    {
        std::process::abort();
    }
}
