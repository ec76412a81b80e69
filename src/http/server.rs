//! Owns `tiny_http` behind the private socket: started again when it ends, and a few threads that
//! answer.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, TrySendError};
use tiny_http::{Request, Server};

use super::answer::Answer;
use super::changer::Job;
use super::limits::BODY_BYTES_MAX;
use super::request::{AUTHORIZATION_HEX, decode_authorization};
use super::routes::{Call, Outcome, decide, route, snapshot};
use super::socket::SocketPlace;
use super::view::NodeView;
use crate::config::Published;

/// The pause before `tiny_http` is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(100);

/// The server that runs now, and whether it is to run on.
pub(crate) struct Supervisor {
    place: SocketPlace,
    running: Mutex<Option<Arc<Server>>>,
    stopping: AtomicBool,
}

impl Supervisor {
    /// Opens the socket and starts the first server on it.
    ///
    /// Errors: a sentence with the path.
    pub(crate) fn start(place: SocketPlace) -> Result<Self, String> {
        let server = serve(&place)?;
        Ok(Self { place, running: Mutex::new(Some(server)), stopping: AtomicBool::new(false) })
    }

    /// The path of the socket.
    pub(crate) fn socket(&self) -> &std::path::Path {
        self.place.path()
    }

    /// Hands requests out until it is stopped. `tiny_http` ends for good on its first failed
    /// accept, so its end is not the end here.
    pub(crate) fn run(&self, handlers: &Sender<Request>) {
        while !self.stopping.load(Ordering::Acquire) {
            let server = self.lock().clone();
            if let Some(server) = server {
                hand_out(&server, handlers);
                // The last reference goes here, and with it the socket.
                drop(self.lock().take());
                drop(server);
            }
            if self.stopping.load(Ordering::Acquire) {
                break;
            }
            std::thread::sleep(RESTART_PAUSE);
            match serve(&self.place) {
                Ok(server) => {
                    tracing::warn!("the HTTP side ended and was started again");
                    *self.lock() = Some(server);
                }
                Err(sentence) => tracing::error!("{sentence}; trying again"),
            }
        }
        drop(self.lock().take());
    }

    /// Ends [`Supervisor::run`].
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.interrupt();
    }

    /// Ends the server that runs now; without [`Supervisor::stop`] the next one follows.
    pub(crate) fn interrupt(&self) {
        if let Some(server) = self.lock().as_ref() {
            server.unblock();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Server>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(place: &SocketPlace) -> Result<Arc<Server>, String> {
    let complain = |error: &dyn std::fmt::Display| {
        format!("the HTTP side cannot open its socket {}: {error}", place.path().display())
    };
    let listener = place.bind().map_err(|error| complain(&error))?;
    Server::from_listener(listener, None).map(Arc::new).map_err(|error| complain(&error))
}

fn hand_out(server: &Server, handlers: &Sender<Request>) {
    while let Ok(request) = server.recv() {
        if let Err(TrySendError::Full(request) | TrySendError::Disconnected(request)) =
            handlers.try_send(request)
        {
            respond(request, Answer::busy("too many requests wait", "try again in a second"));
        }
    }
}

/// What a thread that answers needs.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) published: Arc<Published>,
    pub(crate) view: Arc<NodeView>,
    pub(crate) jobs: Sender<Job>,
}

impl Handler {
    /// Answers until the last sender is gone; a panic costs its request and nothing else.
    pub(crate) fn run(&self, requests: &Receiver<Request>) {
        for request in requests {
            if catch_unwind(AssertUnwindSafe(|| self.handle(request))).is_err() {
                tracing::error!("answering an HTTP request panicked");
            }
        }
    }

    fn handle(&self, mut request: Request) {
        let authorization = request
            .headers()
            .iter()
            .find(|header| header.field.equiv(AUTHORIZATION_HEX))
            .and_then(|header| decode_authorization(header.value.as_str()));
        let method = request.method().to_string();
        let call = Call {
            method: &method,
            target: request.url(),
            authorization: authorization.as_deref(),
        };
        match route(call, &self.published, &self.view) {
            Outcome::Answer(answer) => respond(request, answer),
            Outcome::Snapshot => {
                let Some(body) = read_body(&mut request) else { return };
                respond(request, snapshot(&body, &self.view));
            }
            Outcome::Decide => {
                let Some(body) = read_body(&mut request) else { return };
                respond(request, decide(&body, &self.view));
            }
            change @ (Outcome::Propose | Outcome::Remove | Outcome::DryRun) => {
                let Some(body) = read_body(&mut request) else { return };
                let came = Instant::now();
                let job = match change {
                    Outcome::Remove => Job::Remove { body, request, came },
                    Outcome::DryRun => Job::DryRun { body, request },
                    _ => Job::Propose { body, request, came },
                };
                if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
                    self.jobs.try_send(job)
                    && let Job::Propose { request, .. }
                    | Job::Remove { request, .. }
                    | Job::DryRun { request, .. } = job
                {
                    respond(
                        request,
                        Answer::busy("too many changes wait", "try again in a second"),
                    );
                }
            }
        }
    }
}

fn read_body(request: &mut Request) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    let bound = BODY_BYTES_MAX as u64 + 1;
    match request.as_reader().take(bound).read_to_end(&mut body) {
        Ok(_) => Some(body),
        Err(error) => {
            tracing::warn!("the body of an HTTP request was lost: {error}");
            None
        }
    }
}

fn respond(request: Request, answer: Answer) {
    if let Err(error) = request.respond(answer.into_response()) {
        tracing::debug!("an HTTP answer was not taken: {error}");
    }
}
