//! One side thread for work that may block, with a bounded queue.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::{self, JoinHandle},
};

use crate::limits;

/// A job. It reports through a `Postbox` itself.
type Job = Box<dyn FnOnce() + Send>;

/// A job that was not taken, because the queue was full.
#[derive(thiserror::Error)]
#[error("the keeper has {max} jobs waiting; try again later", max = limits::KEEPER_JOBS)]
pub struct Busy(pub Job);

impl std::fmt::Debug for Busy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Busy")
    }
}

/// The thread and its queue. Dropping it runs the jobs that wait, then ends the thread.
#[derive(Debug)]
pub struct Keeper {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// Errors: the system gives no thread.
    pub fn start(name: &str) -> io::Result<Keeper> {
        let (jobs, queue) = sync_channel(limits::KEEPER_JOBS);
        let thread = thread::Builder::new().name(name.to_string()).spawn(move || work(&queue))?;
        Ok(Keeper { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Queues a job; never blocks.
    ///
    /// Errors: gives the job back when the queue is full.
    pub fn run(&self, job: Job) -> Result<(), Busy> {
        let jobs = self.jobs.as_ref().expect("the queue stands until drop");
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => Busy(job),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A job that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn work(queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        job();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::{Busy, Keeper};
    use crate::limits;

    #[test]
    fn jobs_run_in_order_and_a_full_queue_pushes_back() {
        let keeper = Keeper::start("keeper-test").unwrap();
        let (gate, gates) = mpsc::channel::<()>();
        let (done, results) = mpsc::channel();
        let (begun, begins) = mpsc::channel();
        keeper
            .run(Box::new(move || {
                begun.send(()).unwrap();
                gates.recv().unwrap();
            }))
            .unwrap();
        begins.recv().unwrap();
        for number in 0..limits::KEEPER_JOBS {
            let done = done.clone();
            keeper.run(Box::new(move || done.send(number).unwrap())).unwrap();
        }
        let Busy(job) = keeper.run(Box::new(|| ())).unwrap_err();
        job();
        gate.send(()).unwrap();
        drop(keeper);
        drop(done);
        let results: Vec<usize> = results.iter().collect();
        assert_eq!(results, (0..limits::KEEPER_JOBS).collect::<Vec<_>>());
    }
}
