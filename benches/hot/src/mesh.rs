//! The hop between cores: mails that one core sends and another sends back.

use std::io;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hyperion_runtime::{
    CloseReason, ConnectionId, Core, CoreError, Handles, Io, ListenerId, Postboxes, RuntimeError,
    RuntimeOptions, Socket, available_cpus, run,
};

/// How long mails may be on their way before it is a mistake.
const HANG: Duration = Duration::from_secs(60);

/// So many mails, a turn's number at a time, and whom to tell when the last is back.
struct Order {
    mails: u64,
    at_once: u64,
    done: mpsc::Sender<Duration>,
}

/// An order that is being carried out.
struct Work {
    order: Order,
    begin: Instant,
    unsent: u64,
    out: u64,
}

/// Core 0 sends, core 1 sends back.
#[derive(Default)]
struct Echo {
    work: Option<Work>,
    /// Mails to send back.
    back: Vec<u64>,
    is_first: bool,
}

impl Core for Echo {
    type Mail = u64;
    type Note = Order;

    fn accepted(&mut self, _: &mut Io<u64>, _: ListenerId, _: Socket) {}
    fn received(&mut self, _: &mut Io<u64>, _: ConnectionId, _: &[u8]) {}
    fn sent(&mut self, _: &mut Io<u64>, _: ConnectionId) {}
    fn closed(&mut self, _: &mut Io<u64>, _: ConnectionId, _: CloseReason) {}
    fn file_done(&mut self, _: &mut Io<u64>, _: u64, _: io::Result<()>) {}
    fn tick(&mut self, _: &mut Io<u64>) {}

    fn mail(&mut self, _: &mut Io<u64>, _: usize, mail: u64) {
        if !self.is_first {
            self.back.push(mail);
        } else if let Some(work) = &mut self.work {
            work.out -= 1;
        }
    }

    fn note(&mut self, _: &mut Io<u64>, order: Order) {
        self.is_first = true;
        self.work = Some(Work { unsent: order.mails, out: 0, begin: Instant::now(), order });
    }

    fn turn_end(&mut self, io: &mut Io<u64>) {
        while let Some(mail) = self.back.pop() {
            if let Err(mail) = io.post(0, mail) {
                self.back.push(mail);
                io.wake_again();
                return;
            }
        }
        let Some(work) = &mut self.work else { return };
        if work.out == 0 {
            while work.unsent > 0
                && work.out < work.order.at_once
                && io.post(1, work.unsent).is_ok()
            {
                work.unsent -= 1;
                work.out += 1;
            }
        }
        if work.unsent == 0 && work.out == 0 {
            // Who asked may have given up.
            let _ = work.order.done.send(work.begin.elapsed());
            self.work = None;
        }
    }
}

/// Two running cores; they end with it.
pub struct Pair {
    handles: Option<Handles<String>>,
    postboxes: Postboxes<Order>,
}

impl Pair {
    /// Starts them, on two processors where there are two.
    ///
    /// # Errors
    /// When this machine lets no core start: io_uring is missing or forbidden.
    ///
    /// # Panics
    /// When the system does not say which processors there are.
    pub fn start() -> Result<Self, RuntimeError> {
        let available = available_cpus()?;
        let cpus = (0..2).map(|core| available[core % available.len()]).collect();
        let options = RuntimeOptions { cpus, ..RuntimeOptions::default() };
        let postboxes =
            Postboxes::new(2).map_err(|source| RuntimeError::System { call: "eventfd", source })?;
        let made = |_, _: &mut Io<u64>| -> Result<Echo, String> { Ok(Echo::default()) };
        let handles = Some(run(&options, &postboxes, made)?);
        Ok(Self { handles, postboxes })
    }

    /// Sends so many mails, `at_once` in a turn, each of which comes back; gives the time that took.
    ///
    /// # Panics
    /// When they do not come back.
    #[must_use]
    pub fn round_trips(&self, mails: u64, at_once: u64) -> Duration {
        let (done, told) = mpsc::channel();
        let order = Order { mails, at_once, done };
        assert!(self.postboxes.to(0).post(order).is_ok(), "the postbox is full");
        told.recv_timeout(HANG).expect("the mails come back")
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if let Some(handles) = self.handles.take() {
            handles.stop();
            let ended: Result<(), CoreError<String>> = handles.join();
            if !std::thread::panicking() {
                ended.expect("the cores end in order");
            }
        }
    }
}
