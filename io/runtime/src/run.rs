//! Starting and ending the cores of one process.
#![expect(unsafe_code, reason = "resource limits and cpu masks have no safe wrapper in std")]

use std::{
    mem,
    sync::{Arc, mpsc},
    time::Instant,
};

use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};

use crate::{
    Core, CoreError, Io, Postboxes, RuntimeError, RuntimeOptions,
    bell::Bell,
    drive::Driver,
    io::CrossCore,
    limits,
    mesh::{MailReceiver, MailSender, mailbox},
    ring::check_permission,
};

/// The running cores. Dropping it leaves them running.
pub struct Handles<E: Send + 'static> {
    threads: Vec<Thread<E>>,
    bells: Arc<[Arc<Bell>]>,
}

/// Starts one pinned executor for each of `options.cpus`, builds its ring, calls `make` on the
/// core's own thread (it may take long), and drives what `make` gives. Returns when all rings
/// stand.
///
/// Errors: io_uring is missing or forbidden, a limit or a cpu is; an error of `make` comes from
/// `Handles::join`.
pub fn run<C, E, F>(
    options: &RuntimeOptions,
    postboxes: &Postboxes<C::Note>,
    make: F,
) -> Result<Handles<E>, RuntimeError>
where
    C: Core,
    E: Send + 'static,
    F: Fn(usize, &mut Io<C::Mail>) -> Result<C, E> + Send + Clone + 'static,
{
    options.check()?;
    let cores = options.cpus.len();
    assert!(postboxes.cores() == cores, "{} postboxes for {cores} cores", postboxes.cores());
    check_cpus(&options.cpus)?;
    check_locked_memory(cores)?;
    check_permission(cores)?;
    let bells = postboxes.bells();
    let started = Instant::now();
    let (report, reports) = mpsc::channel::<Result<(), RuntimeError>>();
    let mut threads = Vec::with_capacity(cores);
    let mut go = Vec::with_capacity(cores);
    for (core, (senders, receivers)) in
        mesh(cores, options.mailbox_capacity).into_iter().enumerate()
    {
        let (go_sender, go_receiver) = mpsc::channel::<()>();
        let (options, bells, make) = (options.clone(), bells.clone(), make.clone());
        let (report, postbox) = (report.clone(), postboxes.to(core));
        let cpu = options.cpus[core];
        let spawned = LocalExecutorBuilder::new(Placement::Fixed(cpu))
            .name(&format!("core-{core}"))
            .preempt_timer(limits::PREEMPT)
            .io_memory(limits::EXECUTOR_IO_BYTES)
            .spawn(move || async move {
                let guard = StopAll { bells: bells.clone() };
                let cross = CrossCore::new(core, bells, senders, receivers);
                let mut io = match Io::new(&options, cross, started) {
                    Ok(io) => io,
                    Err(error) => {
                        // The starter takes the error and stops the others.
                        let _ = report.send(Err(error));
                        return Ok(());
                    }
                };
                let _ = report.send(Ok(()));
                drop(report);
                if go_receiver.recv().is_err() {
                    mem::forget(guard);
                    return Ok(());
                }
                let made = make(core, &mut io).map_err(|error| CoreError::Make { core, error })?;
                let driver = Driver::new(made, io, postbox);
                driver.run().await.map_err(|error| CoreError::Ring { core, error })?;
                mem::forget(guard);
                Ok(())
            });
        match spawned {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                let reason = error.to_string();
                return Err(give_up(go, threads, RuntimeError::Executor { core, reason }));
            }
        }
        go.push(go_sender);
    }
    drop(report);
    for _ in 0..cores {
        match reports.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(give_up(go, threads, error)),
            Err(_) => {
                let reason = "an executor ended before its ring stood".to_string();
                return Err(give_up(go, threads, RuntimeError::Executor { core: 0, reason }));
            }
        }
    }
    // All rings stand, so doorbells reach every core. A core whose thread is gone is found by
    // `join`.
    for sender in go {
        let _ = sender.send(());
    }
    Ok(Handles { threads, bells })
}

impl<E: Send + 'static> Handles<E> {
    /// Asks all cores to leave their loops after the turn they are in. A core that is still in
    /// `make` leaves after it.
    pub fn stop(&self) {
        self.bells.iter().for_each(|bell| bell.stop());
    }

    /// Waits until all cores have ended.
    ///
    /// Errors: the first core that did not end in order; the others were stopped then.
    pub fn join(self) -> Result<(), CoreError<E>> {
        let mut first = Ok(());
        for (core, thread) in self.threads.into_iter().enumerate() {
            let result = thread.join().unwrap_or(Err(CoreError::Panicked { core }));
            if first.is_ok() {
                first = result;
            }
        }
        first
    }
}

type Thread<E> = ExecutorJoinHandle<Result<(), CoreError<E>>>;

/// Ends the cores that wait for their start. Gives the executor's own error where one did not
/// start, else `error`.
fn give_up<E: Send + 'static>(
    go: Vec<mpsc::Sender<()>>,
    threads: Vec<Thread<E>>,
    error: RuntimeError,
) -> RuntimeError {
    drop(go);
    let mut error = error;
    for (core, thread) in threads.into_iter().enumerate() {
        if let (Err(reason), RuntimeError::Executor { .. }) = (thread.join(), &error) {
            error = RuntimeError::Executor { core, reason: reason.to_string() };
        }
    }
    error
}

/// Stops all cores unless it is forgotten: a core that fails or panics must not leave half a node.
struct StopAll {
    bells: Arc<[Arc<Bell>]>,
}

impl Drop for StopAll {
    fn drop(&mut self) {
        self.bells.iter().for_each(|bell| bell.stop());
    }
}

type Ends<M> = (Vec<Option<MailSender<M>>>, Vec<Option<MailReceiver<M>>>);

/// A mailbox for each ordered pair of cores, sorted by the core that holds the ends.
fn mesh<M: Send>(cores: usize, capacity: usize) -> Vec<Ends<M>> {
    let mut ends: Vec<Ends<M>> = (0..cores).map(|_| (Vec::new(), Vec::new())).collect();
    for from in 0..cores {
        for to in 0..cores {
            let (sender, receiver) = if from == to {
                (None, None)
            } else {
                let (sender, receiver) = mailbox(capacity);
                (Some(sender), Some(receiver))
            };
            ends[from].0.push(sender);
            ends[to].1.push(receiver);
        }
    }
    ends
}

fn check_cpus(cpus: &[usize]) -> Result<(), RuntimeError> {
    let available = available_cpus()?;
    match cpus.iter().find(|cpu| !available.contains(cpu)) {
        None => Ok(()),
        Some(&cpu) => {
            let all: Vec<String> = available.iter().map(usize::to_string).collect();
            Err(RuntimeError::CpuMissing { cpu, available: all.join(",") })
        }
    }
}

/// The cpus that this process may use, in order.
///
/// Errors: the system does not say.
pub fn available_cpus() -> Result<Vec<usize>, RuntimeError> {
    // SAFETY: a mask of zeros is a valid value.
    let mut mask: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes at most the size of the mask.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&mask), &raw mut mask) };
    if result < 0 {
        let source = std::io::Error::last_os_error();
        return Err(RuntimeError::System { call: "sched_getaffinity", source });
    }
    Ok((0..size_of_val(&mask) * 8)
        .filter(|cpu| {
            // SAFETY: the index is below the size of the mask.
            unsafe { libc::CPU_ISSET(*cpu, &mask) }
        })
        .collect())
}

fn check_locked_memory(cores: usize) -> Result<(), RuntimeError> {
    match locked_memory_limit() {
        Some(limit) if limit < limits::LOCKED_MEMORY_BYTES_MIN => Err(locked_memory_error(cores)),
        _ => Ok(()),
    }
}

/// The limit of locked memory in bytes.
fn locked_memory_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    (result == 0).then_some(limit.rlim_cur)
}

/// The error that says how much locked memory there is and how much is needed.
pub(crate) fn locked_memory_error(cores: usize) -> RuntimeError {
    RuntimeError::LockedMemory {
        limit_bytes: locked_memory_limit().unwrap_or(0),
        needed_bytes: limits::LOCKED_MEMORY_BYTES_MIN * cores as u64,
        cores,
    }
}
