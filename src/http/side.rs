//! Owns the threads of the HTTP side: started once, fed with whole requests, gone when it is
//! dropped.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::answer::Answer;
use super::changer::{Changer, Jobs, ToCluster};
use super::courier;
use super::limits::{
    ANSWER_DEADLINE_S, CHANGES_WAITING_MAX, HANDLERS, HTTP_CONNECTIONS_MAX, STACK_BYTES,
};
use super::request::Request;
use super::server::{Handler, Supervisor};
use super::socket::SocketPlace;
use super::view::NodeView;
use crate::config::Keeper;

/// Takes the whole answer to the request with this number; called on a thread of the HTTP side.
pub(crate) type Answered = Arc<dyn Fn(u64, Vec<u8>) + Send + Sync>;

/// What joins the HTTP side to the node.
pub(crate) struct Bridge {
    /// The data folder; `None` when the node keeps no files.
    pub(crate) data: Option<PathBuf>,
    /// Holds the config.
    pub(crate) keeper: Arc<Mutex<Keeper>>,
    /// Shows the node.
    pub(crate) view: NodeView,
    /// Takes the answers.
    pub(crate) answered: Answered,
    /// Where a config goes that is not this node's alone.
    pub(crate) to_cluster: Option<ToCluster>,
}

/// Too much waits: nothing was taken; try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests wait; try again later")]
pub(crate) struct Busy;

/// Why the HTTP side does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpSideError {
    /// The private socket cannot be opened; the sentence is whole.
    #[error("{0}")]
    Socket(String),
    /// A thread cannot be started.
    #[error("the HTTP side cannot start a thread: {0}; raise the limit of threads")]
    Thread(std::io::Error),
}

/// The HTTP side. Dropping it ends its threads; those that are busy end with what they do.
pub(crate) struct HttpSide {
    requests: Sender<(u64, Request)>,
    jobs: Jobs,
    supervisor: Arc<Supervisor>,
    supervising: Option<JoinHandle<()>>,
}

impl HttpSide {
    /// Starts the threads.
    ///
    /// Errors: [`HttpSideError`].
    pub(crate) fn start(bridge: Bridge) -> Result<Self, HttpSideError> {
        Self::start_with(bridge, Duration::from_secs(ANSWER_DEADLINE_S))
    }

    /// The same with another time for answers.
    pub(super) fn start_with(bridge: Bridge, answer_time: Duration) -> Result<Self, HttpSideError> {
        let place = SocketPlace::choose(bridge.data.as_deref()).map_err(|error| {
            HttpSideError::Socket(format!("the HTTP side has no place for its socket: {error}"))
        })?;
        let supervisor = Arc::new(Supervisor::start(place).map_err(HttpSideError::Socket)?);
        let view = Arc::new(bridge.view);
        let published = bridge.keeper.lock().unwrap_or_else(PoisonError::into_inner).published();
        let (requests, request_receiver) = bounded(HTTP_CONNECTIONS_MAX);
        let (jobs, job_receiver) = bounded(CHANGES_WAITING_MAX);
        let (handled, handled_receiver) = bounded(HTTP_CONNECTIONS_MAX);

        let changer =
            Changer::new(bridge.keeper, Arc::clone(&view), answer_time, bridge.to_cluster);
        spawn("http-changer", move || changer.run(&job_receiver))?;
        let handler = Handler { published, view, jobs: jobs.clone() };
        for _ in 0..HANDLERS {
            let (handler, receiver) = (handler.clone(), handled_receiver.clone());
            spawn("http-handler", move || handler.run(&receiver))?;
        }
        let couriers = Couriers {
            supervisor: Arc::clone(&supervisor),
            answered: bridge.answered,
            answer_time,
            under_way: Arc::new(AtomicUsize::new(0)),
        };
        spawn("bridge", move || couriers.run(&request_receiver))?;
        let supervised = Arc::clone(&supervisor);
        let supervising = spawn("http-server", move || supervised.run(&handled))?;
        Ok(Self { requests, jobs: Jobs(jobs), supervisor, supervising: Some(supervising) })
    }

    /// Hands a whole request in; its answer comes by [`Bridge::answered`] with the same number.
    ///
    /// Errors: [`Busy`] when too many wait: answer 503 yourself.
    pub(crate) fn submit(&self, id: u64, request: Request) -> Result<(), Busy> {
        self.requests.try_send((id, request)).map_err(|_| Busy)
    }

    /// The way to change settings, for any thread.
    pub(crate) fn jobs(&self) -> Jobs {
        self.jobs.clone()
    }

    /// Ends the server behind the private socket, as a failed accept does.
    #[cfg(test)]
    pub(super) fn interrupt(&self) {
        self.supervisor.interrupt();
    }
}

impl Drop for HttpSide {
    fn drop(&mut self) {
        self.supervisor.stop();
        if let Some(supervising) = self.supervising.take()
            && supervising.join().is_err()
        {
            tracing::error!("the thread that watches the HTTP side panicked");
        }
    }
}

impl fmt::Debug for HttpSide {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HttpSide({})", self.supervisor.socket().display())
    }
}

/// Takes whole requests and sends each with a thread of its own, so that a slow one keeps no other
/// waiting.
struct Couriers {
    supervisor: Arc<Supervisor>,
    answered: Answered,
    answer_time: Duration,
    under_way: Arc<AtomicUsize>,
}

impl Couriers {
    fn run(&self, requests: &Receiver<(u64, Request)>) {
        for (id, request) in requests {
            let busy = || Answer::busy("too many requests are under way", "try again in a second");
            if self.under_way.load(Ordering::Acquire) >= HTTP_CONNECTIONS_MAX {
                (self.answered)(id, busy().to_bytes());
                continue;
            }
            self.under_way.fetch_add(1, Ordering::AcqRel);
            let under_way = Arc::clone(&self.under_way);
            let supervisor = Arc::clone(&self.supervisor);
            let answered = Arc::clone(&self.answered);
            let answer_time = self.answer_time;
            let sent = spawn("http-courier", move || {
                let answer = courier::carry(supervisor.socket(), &request, answer_time);
                under_way.fetch_sub(1, Ordering::AcqRel);
                answered(id, answer);
            });
            if let Err(error) = sent {
                self.under_way.fetch_sub(1, Ordering::AcqRel);
                tracing::warn!("{error}");
                (self.answered)(id, busy().to_bytes());
            }
        }
    }
}

fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, HttpSideError> {
    thread::Builder::new()
        .name(name.to_owned())
        .stack_size(STACK_BYTES)
        .spawn(work)
        .map_err(HttpSideError::Thread)
}
